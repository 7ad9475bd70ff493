// Which requests are repeated after a 503, how often, and when.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { FetchInit, Retry } from "../src/session-fetch.ts";
import {
  ORIGIN,
  type TabOptions,
  createBrowser,
  createGateway,
  json,
  problem,
  settled,
} from "./support/fake-browser.ts";

afterEach(() => void vi.useRealTimers());

const busy = (retryAfter: string | null = "1") =>
  problem(503, "overloaded", {}, retryAfter === null ? {} : { "retry-after": retryAfter });

/** A tab of alice, whose API responds with 503 `failures` times. */
async function openTab(failures: number, response: () => Response = busy, options: TabOptions = {}) {
  const browser = createBrowser();
  const gateway = createGateway(browser, () => (browser.calls().length > failures ? json("done") : response()));
  gateway.logIn("alice", "s1");
  const tab = browser.openTab(options);
  await tab.client.ensureLoaded();
  return { ...tab, browser, gateway };
}

const stream = () =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode("x"));
      controller.close();
    },
  });

const requests: readonly [what: string, init: () => FetchInit & { duplex?: "half" }, isRepeated: boolean][] = [
  ["GET", () => ({}), true],
  ["HEAD", () => ({ method: "HEAD" }), true],
  ["OPTIONS", () => ({ method: "OPTIONS" }), true],
  ["PUT with a body", () => ({ method: "PUT", body: "x" }), true],
  ["DELETE", () => ({ method: "DELETE" }), true],
  ["put in lower case", () => ({ method: "put", body: "x" }), true],
  ["POST", () => ({ method: "POST", body: "x" }), false],
  ["PATCH", () => ({ method: "PATCH", body: "x" }), false],
  ["POST that may be repeated", () => ({ method: "POST", body: "x", retry: true }), true],
  ["GET that may not be repeated", () => ({ retry: false }), false],
  ["PUT with a stream", () => ({ method: "PUT", body: stream(), duplex: "half" }), false],
  [
    "POST with a stream that may be repeated",
    () => ({ method: "POST", body: stream(), duplex: "half", retry: true }),
    false,
  ],
];

describe("a 503 with Retry-After", () => {
  test.each(requests)("to %s is repeated: see table", async (_what, init, isRepeated) => {
    const { client, browser } = await openTab(1);
    const result = client.fetch("/api", init());
    await browser.wait(1_500);
    expect((await result).status).toBe(isRepeated ? 200 : 503);
    const sent = browser.calls();
    expect(sent).toHaveLength(isRepeated ? 2 : 1);
    if (isRepeated) expect(sent[1]).toEqual(sent[0]);
  });

  test.each<[what: string, body: () => { body: BodyInit; duplex?: "half" }]>([
    ["text", () => ({ body: "x" })],
    ["a stream, which a Request does not distinguish", () => ({ body: stream(), duplex: "half" })],
  ])("to a Request with headers and %s as body is repeated with both", async (_what, body) => {
    const { client, browser } = await openTab(2);
    const init = { method: "PUT", headers: { "X-Own": "1" }, ...body() };
    const result = client.fetch(new Request(`${ORIGIN}/api`, init));
    await browser.wait(10_000);
    expect((await result).status).toBe(200);
    const [first, ...rest] = browser.calls();
    expect(first).toMatchObject({ body: "x", headers: { "x-own": "1", "x-session-handle": "s1" } });
    expect(rest).toEqual([first, first]);
  });

  test("a 503 with Retry-After is repeated three times, after which the caller receives the response", async () => {
    const { client, browser } = await openTab(Number.POSITIVE_INFINITY);
    const result = client.fetch("/api");
    await browser.wait(120_000);
    const response = await result;
    expect([response.status, browser.calls().length]).toEqual([503, 4]);
    expect(await response.json()).toMatchObject({ code: "overloaded" });
  });

  test.each([
    [0, 1],
    [1, 2],
    [5, 6],
  ])("is repeated at most maxRetries = %d times", async (maxRetries, expected) => {
    const { client, browser } = await openTab(Number.POSITIVE_INFINITY, busy, { retry: { maxRetries } });
    const result = client.fetch("/api");
    await browser.wait(300_000);
    await result;
    expect(browser.calls()).toHaveLength(expected);
  });
});

const responses: readonly [what: string, response: () => Response, delayMs: number | null][] = [
  ["503 with Retry-After: 7", () => busy("7"), 7_000],
  ["503 with Retry-After: 0 waits for the backoff", () => busy("0"), 1_000],
  ["503 with an HTTP date in the past", () => busy("Thu, 01 Jan 1970 00:00:00 GMT"), 1_000],
  ["503 with a longer Retry-After than maxDelayMs", () => busy("31"), null],
  ["503 with a malformed Retry-After", () => busy("soon"), null],
  ["503 without Retry-After", () => busy(null), null],
  [
    "503 of a proxy with Retry-After",
    () => new Response("<html>", { status: 503, headers: { "retry-after": "2" } }),
    2_000,
  ],
  ["429 with Retry-After", () => problem(429, "too_many_requests", {}, { "retry-after": "1" }), null],
  ["502 with Retry-After", () => problem(502, "upstream_unreachable", {}, { "retry-after": "1" }), null],
  ["500", () => problem(500, "internal"), null],
];

test.each(responses)("%s", async (_what, response, delayMs) => {
  const { client, browser } = await openTab(1, response);
  const result = client.fetch("/api");
  await browser.wait((delayMs ?? 60_000) - 1);
  expect(browser.calls()).toHaveLength(1);
  await browser.wait(1);
  expect(browser.calls()).toHaveLength(delayMs === null ? 1 : 2);
  await result;
});

test("onRetry and onAttempt receive each step", async () => {
  const { client, browser } = await openTab(2);
  const steps: unknown[] = [];
  const result = client.fetch("/api", {
    onAttempt: (attempt) => steps.push(attempt),
    onRetry: ({ problem: { code }, attempt, atMs }: Retry) => steps.push([code, attempt, atMs]),
  });
  await browser.wait(10_000);
  await result;
  expect(steps).toEqual([0, ["overloaded", 1, 1_000], 1, ["overloaded", 2, 3_000], 2]);
});

test.each(["client.fetch", "client.request"])(
  "an abort of %s ends the delay, and nothing more is sent",
  async (what) => {
    const { client, browser } = await openTab(1);
    const abort = new AbortController();
    const reason = new Error("left the page");
    const result =
      what === "client.fetch"
        ? client.fetch("/api", { signal: abort.signal }).catch((error: unknown) => error)
        : client.request("/api", { signal: abort.signal });
    await settled();
    const timersWhileWaiting = browser.timerCount();
    abort.abort(reason);
    expect(await result).toEqual(what === "client.fetch" ? reason : { kind: "cancelled" });
    expect(browser.timerCount()).toBe(timersWhileWaiting - 1);
    await browser.wait(60_000);
    expect(browser.calls()).toHaveLength(1);
  },
);

test("a repeated request still names the session that it was made for", async () => {
  const { client, browser, gateway } = await openTab(1);
  const result = client.fetch("/api", { method: "PUT", body: "of alice" });
  await settled();
  gateway.logIn("bob", "s2");
  await browser.wait(5_000);
  expect((await result).status).toBe(409);
  expect(gateway.effects.filter((effect) => effect.startsWith("bob"))).toEqual([]);
});
