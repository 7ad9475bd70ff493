// client.request: the outcomes of a request, and its defaults.
import { afterEach, describe, expect, test, vi } from "vitest";
import { ORIGIN, json, problem, settled } from "./support/fake-browser.ts";
import { openTabOfAlice } from "./support/tab-of-alice.ts";

afterEach(() => void vi.useRealTimers());

describe("outcomes of request", () => {
  test("a 2xx response is parsed; JSON is the default", async () => {
    const { client } = await openTabOfAlice();
    expect(await client.request("/api")).toEqual({ kind: "ok", value: { ok: true } });
    const parse = async (response: Response) => (await response.text()).length;
    expect(await client.request("/api", { parse })).toEqual({ kind: "ok", value: 11 });
  });

  test("Accept, cache and redirect have defaults that the caller can replace", async () => {
    const { client, browser } = await openTabOfAlice();
    await client.request("/api");
    expect(browser.sent.at(-1)).toMatchObject({ headers: { accept: "application/json" }, redirect: "manual" });
    await client.request("/api", { headers: { Accept: "text/csv" }, redirect: "follow" });
    expect(browser.sent.at(-1)).toMatchObject({ headers: { accept: "text/csv" }, redirect: "follow" });
    await client.request(new Request(`${ORIGIN}/api`, { headers: { "X-Own": "1" } }));
    expect(browser.sent.at(-1)).toMatchObject({ headers: { accept: "application/json", "x-own": "1" } });
  });

  const unreadable = new SyntaxError("not JSON");
  const outcomes: readonly [what: string, respond: () => Response | Promise<Response>, outcome: object][] = [
    ["403", () => problem(403, "forbidden"), { kind: "problem", problem: { status: 403, code: "forbidden" } }],
    ["502 of a proxy", () => new Response("<html>", { status: 502 }), { kind: "problem", problem: { code: null } }],
    ["no response", () => Promise.reject(new TypeError("fetch failed")), { kind: "offline" }],
    ["a 200 that is no JSON", () => new Response("<html>"), { kind: "unreadable" }],
    [
      "a body that is lost",
      () => new Response(new ReadableStream({ start: (controller) => controller.error(new TypeError("lost")) })),
      { kind: "offline" },
    ],
    [
      "an error response of a lost connection",
      () =>
        new Response(new ReadableStream({ start: (controller) => controller.error(new TypeError("lost")) }), {
          status: 409,
        }),
      { kind: "offline" },
    ],
  ];

  test.each(outcomes)("%s", async (_what, respond, outcome) => {
    const { client, browser } = await openTabOfAlice();
    browser.handleWith(respond);
    expect(await client.request("/api")).toMatchObject(outcome);
  });

  test("an error of parse is the cause of an unreadable response", async () => {
    const { client } = await openTabOfAlice();
    const parse = () => Promise.reject(unreadable);
    expect(await client.request("/api", { parse })).toEqual({ kind: "unreadable", cause: unreadable });
  });

  test("error responses are parsed if they are accepted", async () => {
    const { client, browser } = await openTabOfAlice();
    browser.handleWith(() => problem(404, "not_found"));
    const parse = ({ status }: Response) => status;
    expect(await client.request("/api", { parse, acceptsErrorResponses: true })).toEqual({ kind: "ok", value: 404 });
  });

  test("a response that takes too long is a timeout, and one that the caller aborts is cancelled", async () => {
    const { client, browser } = await openTabOfAlice();
    browser.handleWith(() => new Promise(() => undefined));
    expect(await client.request("/api", { timeoutMs: 20 })).toEqual({ kind: "timeout", timeoutMs: 20 });
    expect(await client.request("https://api.example/", { timeoutMs: 20 })).toEqual({ kind: "timeout", timeoutMs: 20 });
    expect(await client.request("/api", { signal: AbortSignal.abort() })).toEqual({ kind: "cancelled" });
    const request = new Request(`${ORIGIN}/api`, { signal: AbortSignal.abort() });
    expect(await client.request(request)).toEqual({ kind: "cancelled" });
  });

  test("a retry that does not fit into the timeout is not waited for", async () => {
    const { client, browser } = await openTabOfAlice();
    browser.handleWith(() => problem(503, "overloaded", {}, { "retry-after": "20" }));
    const outcome = client.request("/api", { timeoutMs: 10_000 });
    await settled();
    expect(await outcome).toMatchObject({ kind: "problem", problem: { status: 503, retryAfterMs: 20_000 } });
  });
});

test("problemOf parses an error response of fetch and leaves its body readable", async () => {
  const { client, browser } = await openTabOfAlice();
  browser.handleWith(() => problem(403, "forbidden", { detail: "No." }));
  const response = await client.fetch("/api");
  expect(await client.problemOf(response)).toMatchObject({ status: 403, code: "forbidden", detail: "No." });
  expect(await response.json()).toMatchObject({ code: "forbidden" });
  expect(await client.problemOf(json({}))).toBeNull();
});
