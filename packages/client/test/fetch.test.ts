// What `client.fetch` sends where, and what it returns.
import { afterEach, describe, expect, test, vi } from "vitest";
import { ORIGIN, type Sent, createBrowser, createGateway, json, problem, settled } from "./support/fake-browser.ts";
import type { FetchInit } from "../src/session-fetch.ts";

afterEach(() => void vi.useRealTimers());

/** A tab of alice, whose session has the handle s1. */
async function openTabOfAlice(options = {}) {
  const browser = createBrowser();
  const gateway = createGateway(browser);
  gateway.logIn("alice", "s1");
  const tab = browser.openTab({ url: "/orders/7?x=1", ...options });
  await tab.client.ensureLoaded();
  browser.sent.length = 0;
  return { ...tab, browser, gateway };
}

const sessionHeaders = { "x-csrf": "1", "x-session-handle": "s1" };
const streamOf = (text: string) =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
const formOf = (entries: Record<string, string>) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(entries)) form.set(name, value);
  return form;
};

type Arguments = [input: RequestInfo | URL, init?: FetchInit & { duplex?: "half" }];
const sameOrigin: readonly [what: string, build: () => Arguments, sent: Partial<Sent>][] = [
  ["an absolute path", () => ["/api/a?b=c#d"], { method: "GET", url: "/api/a?b=c#d" }],
  ["a path relative to the page", () => ["items"], { url: "/orders/items" }],
  ["an absolute URL of the page's origin", () => [`${ORIGIN}/api/a`], { url: "/api/a" }],
  ["the origin in other letter case and with its default port", () => ["HTTPS://APP.example:443/api"], { url: "/api" }],
  ["a URL object", () => [new URL(`${ORIGIN}/api/a`)], { url: "/api/a" }],
  ["a Request", () => [new Request(`${ORIGIN}/api/a`, { method: "PUT", body: "x" })], { method: "PUT", body: "x" }],
  [
    "a Request with overriding init",
    () => [new Request(`${ORIGIN}/api/a`, { method: "PUT", body: "x" }), { method: "POST", body: "y" }],
    { method: "POST", body: "y" },
  ],
  ["a Request of mode no-cors", () => [new Request(`${ORIGIN}/api/a`, { mode: "no-cors" })], { mode: "same-origin" }],
  ["a text body", () => ["/api", { method: "POST", body: "text" }], { method: "POST", body: "text" }],
  [
    "URLSearchParams",
    () => ["/api", { method: "POST", body: new URLSearchParams({ a: "b c" }) }],
    { body: "a=b+c", headers: { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" } },
  ],
  [
    "a Blob with its type",
    () => ["/api", { method: "POST", body: new Blob(["{}"], { type: "application/json" }) }],
    { body: "{}", headers: { "content-type": "application/json" } },
  ],
  ["bytes", () => ["/api", { method: "POST", body: new TextEncoder().encode("bytes") }], { body: "bytes" }],
  [
    "a stream",
    () => ["/api", { method: "POST", body: streamOf("streamed"), duplex: "half" }],
    { method: "POST", body: "streamed" },
  ],
  [
    "a Request with a stream",
    () => [new Request(`${ORIGIN}/api`, { method: "POST", body: streamOf("streamed"), duplex: "half" } as RequestInit)],
    { method: "POST", body: "streamed" },
  ],
  ["headers as an object", () => ["/api", { headers: { "X-Own": "1" } }], { headers: { "x-own": "1" } }],
  ["headers as a list", () => ["/api", { headers: [["X-Own", "1"]] }], { headers: { "x-own": "1" } }],
  ["Headers", () => ["/api", { headers: new Headers({ "X-Own": "1" }) }], { headers: { "x-own": "1" } }],
  [
    "headers of a Request",
    () => [new Request(`${ORIGIN}/api`, { headers: { "X-Own": "1" } })],
    { headers: { "x-own": "1" } },
  ],
  ["a handle that the caller sets", () => ["/api", { headers: { "X-Session-Handle": "s2" } }], {}],
  ["an X-CSRF that the caller sets", () => ["/api", { headers: { "x-csrf": "0" } }], {}],
  ["redirects as the caller wants them", () => ["/api", { redirect: "error" }], { redirect: "error" }],
];

describe("a same-origin request carries X-CSRF and the handle of the page's session", () => {
  test.each(sameOrigin)("with %s", async (_what, build, expected) => {
    const { client, browser } = await openTabOfAlice();
    const response = await client.fetch(...build());
    expect(response.status).toBe(200);
    const { headers, ...rest } = expected;
    expect(browser.sent).toEqual([expect.objectContaining(rest)]);
    expect(browser.sent[0]?.headers).toMatchObject({ ...headers, ...sessionHeaders });
    // A redirect to another origin, which would receive the headers, is a network error in this mode.
    expect(browser.sent[0]?.mode).toBe("same-origin");
  });

  test("a same-origin request carries X-CSRF and the handle of the page's session with a form and its boundary", async () => {
    const { client, browser } = await openTabOfAlice();
    await client.fetch("/api", { method: "POST", body: formOf({ a: "b" }) });
    await client.fetch(new Request(`${ORIGIN}/api`, { method: "POST", body: formOf({ a: "b" }) }));
    for (const { headers, body } of browser.sent) {
      const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(headers["content-type"] ?? "")?.[1];
      expect(body).toContain(`--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb`);
      expect(headers).toMatchObject(sessionHeaders);
    }
    expect(browser.sent).toHaveLength(2);
  });
});

const otherOrigins = [
  "https://api.example/a",
  "http://app.example/a",
  "https://app.example:8443/a",
  "https://app.example.evil/a",
  "https://user@evil.example/app.example",
  "//evil.example/api",
  "/\\evil.example/api",
  "data:text/plain,x",
];

describe("a request to another origin reaches fetch unchanged", () => {
  test.each(otherOrigins)("%s", async (url) => {
    const passed: unknown[][] = [];
    const fetch = (...values: unknown[]) => {
      passed.push(values);
      return Promise.resolve(json({ user: { sub: "alice" }, session: { id: "s1" } }));
    };
    const { client, state } = createBrowser().openTab({ fetch });
    await client.ensureLoaded();
    expect(state().status).toBe("authenticated");
    passed.length = 0;
    const init = { headers: { "X-Own": "1" } };
    await client.fetch(url, init);
    expect(passed).toEqual([[url, init]]);
    expect(init).toEqual({ headers: { "X-Own": "1" } });
  });

  test("as a Request", async () => {
    const { client, browser } = await openTabOfAlice();
    browser.handleWith(() => new Response());
    await client.fetch(new Request("https://api.example/a", { headers: { "X-Own": "1" } }));
    expect(browser.sent[0]?.headers).toEqual({ "x-own": "1" });
  });

  test("and its 401, 409 or 503 does not concern the session", async () => {
    const { client, browser, state } = await openTabOfAlice();
    for (const response of [problem(401, "session_expired"), problem(409, "session_changed")]) {
      browser.handleWith(() => response);
      await client.fetch("https://api.example/a");
    }
    browser.handleWith(() => problem(503, "store_unavailable", {}, { "retry-after": "1" }));
    await client.fetch("https://api.example/a");
    expect([state().status, state().error, browser.sent.length]).toEqual(["authenticated", null, 3]);
  });
});

test("a page that was rendered for no user names no session", async () => {
  const browser = createBrowser();
  const { client } = browser.openTab();
  await client.ensureLoaded();
  await client.fetch("/api/public");
  expect(browser.sent.at(-1)?.headers).not.toHaveProperty("x-session-handle");
  expect(browser.sent.at(-1)?.headers).toMatchObject({ "x-csrf": "1" });
});

test("a page keeps naming its session after it has ended, until a logout in this tab", async () => {
  const { client, browser, gateway } = await openTabOfAlice();
  gateway.logOut();
  await client.fetch("/api");
  await client.fetch("/api");
  expect(browser.sent.at(-1)?.headers).toMatchObject(sessionHeaders);
  await client.logout();
  await client.fetch("/api");
  expect(browser.sent.at(-1)?.headers).not.toHaveProperty("x-session-handle");
});

test("the check of the session names none, because it asks whose session it is", async () => {
  const { client, browser } = await openTabOfAlice();
  await client.check();
  expect(browser.sent.at(-1)).toMatchObject({ url: "/bff/user" });
  expect(browser.sent.at(-1)?.headers).not.toHaveProperty("x-session-handle");
  expect(browser.sent.at(-1)?.headers).toMatchObject({ "x-csrf": "1" });
});

test.each(["http://[", "https://app.example:99999/"])("the invalid URL %s is rejected as fetch does", async (url) => {
  const { client } = await openTabOfAlice();
  await expect(client.fetch(url)).rejects.toThrow(TypeError);
});

test("arguments that fetch rejects are rejected, and no request is sent", async () => {
  const { client, browser } = await openTabOfAlice();
  await expect(client.fetch("/api", { body: "x" })).rejects.toThrow(TypeError);
  await expect(client.fetch("/api", { headers: { "": "x" } })).rejects.toThrow(TypeError);
  await expect(client.request("/api", { body: "x" })).rejects.toThrow(TypeError);
  expect(browser.sent).toEqual([]);
});

const statesAfter: readonly [what: string, response: () => Response, state: object][] = [
  ["401 session_expired", () => problem(401, "session_expired"), { status: "anonymous", endReason: "session_expired" }],
  ["401 session_revoked", () => problem(401, "session_revoked"), { status: "anonymous", endReason: "session_revoked" }],
  ["401 session_missing", () => problem(401, "session_missing"), { status: "anonymous", endReason: "session_missing" }],
  [
    "401 with the reason limit",
    () => problem(401, "session_revoked", { reason: "limit" }),
    { status: "anonymous", endReason: "session_limit" },
  ],
  [
    "401 with the reason provider_logout",
    () => problem(401, "session_revoked", { reason: "provider_logout" }),
    { status: "anonymous", endReason: "provider_logout" },
  ],
  [
    "401 with the reason logout",
    () => problem(401, "session_revoked", { reason: "logout" }),
    { status: "anonymous", endReason: "logged_out_elsewhere" },
  ],
  [
    "401 with an unknown reason",
    () => problem(401, "session_revoked", { reason: "new" }),
    { status: "anonymous", endReason: "session_revoked" },
  ],
  ...["constructor", "__proto__", "toString", "hasOwnProperty"].map((reason): (typeof statesAfter)[number] => [
    `401 with the reason ${reason} of an API`,
    () => problem(401, "session_expired", { reason }),
    { status: "anonymous", endReason: "session_expired" },
  ]),
  ["401 of the API", () => problem(401, "invalid_token"), { status: "authenticated", endReason: null }],
  ["401 without a body", () => new Response(null, { status: 401 }), { status: "authenticated" }],
  ["401 step_up_required", () => problem(401, "step_up_required"), { status: "authenticated", error: null }],
  ["403 forbidden", () => problem(403, "forbidden"), { status: "authenticated", error: null }],
  ["403 with the code of a 401", () => problem(403, "session_expired"), { status: "authenticated" }],
  ["409 of the API", () => problem(409, "conflict"), { status: "authenticated", isChecking: false }],
  ["503 of the API", () => new Response("busy", { status: 503 }), { status: "authenticated", error: null }],
  [
    "503 store_unavailable",
    () => problem(503, "store_unavailable"),
    {
      status: "authenticated",
      error: expect.objectContaining({ failure: expect.objectContaining({ kind: "problem" }) }),
    },
  ],
  ["200 with the body of a 401", () => json({ code: "session_expired", status: 401 }), { status: "authenticated" }],
];

test.each(statesAfter)(
  "after %s the state is right, and the caller can read the response",
  async (_what, response, expected) => {
    const { client, browser, state } = await openTabOfAlice();
    const text = await response().text();
    browser.handleWith(response);
    const received = await client.fetch("/api", { retry: false });
    expect([received.status, await received.text()]).toEqual([response().status, text]);
    expect(state()).toMatchObject(expected);
  },
);

test("a lost connection is reported to the caller as by fetch, and the session is checked", async () => {
  const { client, browser, state } = await openTabOfAlice();
  browser.handleWith(() => Promise.reject(new TypeError("fetch failed")));
  await expect(client.fetch("/api")).rejects.toThrow(new TypeError("fetch failed"));
  await settled();
  expect(browser.checks()).toBe(1);
  expect(state()).toMatchObject({ status: "authenticated", error: { failure: { kind: "offline" } } });
});

test("a request that fails although the gateway is reachable shows no outage", async () => {
  const { client, browser, state } = await openTabOfAlice();
  browser.handleWith(({ url }) =>
    url === "/bff/user"
      ? json({ user: { sub: "alice" }, session: { id: "s1" } })
      : Promise.reject(new TypeError("redirect to another origin")),
  );
  await expect(client.fetch("/api")).rejects.toThrow(TypeError);
  await settled();
  expect(state().error).toBeNull();
});

test("an abort rejects with the reason of the signal, and does not count as an outage", async () => {
  const { client, browser, state } = await openTabOfAlice();
  browser.handleWith(() => new Promise(() => undefined));
  const abort = new AbortController();
  const result = client.fetch("/api", { signal: abort.signal });
  await settled();
  const reason = new Error("the user left the page");
  abort.abort(reason);
  await expect(result).rejects.toBe(reason);
  const request = new Request(`${ORIGIN}/api`, { signal: AbortSignal.abort(reason) });
  await expect(client.fetch(request)).rejects.toBe(reason);
  expect([browser.checks(), state().error]).toEqual([0, null]);
});
