// Start and stop, login, drafts, logout, sessions and servers.
import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { type Client, createClient, initialState, stateOfUserBody } from "../src/index.ts";
import { attemptKey } from "../src/silent-login.ts";
import { draftKey } from "../src/draft.ts";
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

async function openTabOfAlice(options: TabOptions = {}) {
  const browser = createBrowser();
  const gateway = createGateway(browser);
  gateway.logIn("alice", "s1");
  const tab = browser.openTab({ url: "/orders?id=7#x", ...options });
  const stop = tab.client.start();
  await browser.wait(1_000);
  return { ...tab, browser, gateway, stop };
}

const leftovers = (browser: ReturnType<typeof createBrowser>) => ({
  timers: browser.timerCount(),
  streams: browser.openStreams().length,
  channels: browser.channelCount(),
  locks: browser.lockCount(),
});
const nothing = { timers: 0, streams: 0, channels: 0, locks: 0 };

describe("the start of a tab", () => {
  test("the start of a tab is counted: the tab ends with the last stop, and a stop counts once", async () => {
    const { browser, client, stop } = await openTabOfAlice();
    const stopAgain = client.start();
    stop();
    stop();
    await settled();
    expect(leftovers(browser)).toMatchObject({ streams: 1, channels: 1, locks: 1 });
    stopAgain();
    await settled();
    expect(leftovers(browser)).toEqual(nothing);
  });

  test("after a stop works again", async () => {
    const { browser, client, stop } = await openTabOfAlice();
    stop();
    await settled();
    client.start();
    await browser.wait(1_000);
    expect(leftovers(browser)).toMatchObject({ streams: 1, channels: 1, locks: 1 });
  });

  test("directly followed by a stop and a start sends one check", async () => {
    const browser = createBrowser();
    const { client } = browser.openTab();
    client.start()();
    client.start();
    await browser.wait(1_000);
    expect(browser.checks()).toBe(1);
  });

  test("the start of a tab is undone by close, whatever the number of starts, also during the first check and an outage", async () => {
    const { browser, client } = await openTabOfAlice();
    client.start();
    client.close();
    await settled();
    expect(leftovers(browser)).toEqual(nothing);
    browser.handleWith(() => Promise.reject(new TypeError("offline")));
    const other = browser.openTab();
    other.client.start();
    other.client.close();
    await browser.wait(60_000);
    expect(leftovers(browser)).toEqual(nothing);
    expect(other.state()).toMatchObject({ status: "unknown", error: { failure: { kind: "offline" } } });
  });

  test("listeners of a tab react only while it is started", async () => {
    const { browser, dispatch, stop } = await openTabOfAlice();
    const before = browser.checks();
    dispatch("online");
    await settled();
    expect(browser.checks()).toBe(before + 1);
    stop();
    for (const type of ["online", "offline", "visibilitychange", "pageshow"]) dispatch(type, { persisted: true });
    await browser.wait(60_000);
    expect(browser.checks()).toBe(before + 1);
  });

  test("joins a check that a loader has started", async () => {
    const browser = createBrowser();
    const { client } = browser.openTab();
    const loaded = client.ensureLoaded();
    client.start();
    expect((await loaded).status).toBe("anonymous");
    await browser.wait(1_000);
    expect(browser.checks()).toBe(1);
  });
});

test("a page that the back-forward cache restores hides the user until the check completes", async () => {
  const { browser, gateway, dispatch, state } = await openTabOfAlice();
  gateway.logOut();
  dispatch("pageshow", { persisted: true });
  expect(state()).toMatchObject({ status: "unknown", user: null, logout: { kind: "idle" } });
  await browser.wait(1_000);
  expect(state()).toMatchObject({ status: "anonymous", renderedSub: "alice" });
});

test("a visible tab is checked at most every 15 seconds", async () => {
  const { browser, dispatch } = await openTabOfAlice();
  const before = browser.checks();
  dispatch("visibilitychange");
  await browser.wait(16_000);
  expect(browser.checks()).toBe(before);
  dispatch("visibilitychange");
  dispatch("visibilitychange");
  await browser.wait(1_000);
  expect(browser.checks()).toBe(before + 1);
});

describe("a state that the server has rendered", () => {
  const body = { user: { sub: "alice", name: "Alice" }, session: { id: "s1" } };

  test("a state that the server has rendered is known before the first check, which follows in the background", async () => {
    const browser = createBrowser();
    const gateway = createGateway(browser);
    gateway.logIn("bob", "s2");
    const { client, state, reloads } = browser.openTab();
    client.seed(body);
    expect([state(), browser.checks()]).toEqual([stateOfUserBody(body), 0]);
    expect((await client.fetch("/api")).status).toBe(409);
    client.start();
    await browser.wait(1_000);
    expect([gateway.effects, reloads()]).toEqual([[], 1]);
  });

  test("a state that the server has rendered is rejected unless it is a body of GET /bff/user", () => {
    expect(() => createBrowser().openTab().client.seed({})).toThrow(SyntaxError);
  });
});

describe("on a server", () => {
  test("a client can be created, started and read, and sends nothing", async () => {
    let requests = 0;
    const fetch = () => {
      requests += 1;
      return Promise.resolve(new Response());
    };
    const client = createClient({ fetch });
    client.start()();
    client.close();
    expect(await client.ensureLoaded()).toEqual(initialState);
    expect(await client.check()).toEqual(initialState);
    expect([client.takeDraft(), client.login(), requests]).toEqual([null, undefined, 0]);
    expect(client.loginUrl({ returnTo: "/a?b" })).toBe("/bff/login?returnTo=%2Fa%3Fb");
  });

  test("a request is passed to fetch as it is, so that the gateway receives no forged header", async () => {
    const passed: unknown[][] = [];
    const client = createClient({ fetch: (...values) => (passed.push(values), Promise.resolve(new Response("{}"))) });
    await client.fetch("https://app.example/api", { method: "POST" });
    expect(passed).toEqual([["https://app.example/api", { method: "POST" }]]);
  });
});

test("two clients of one page have nothing in common", async () => {
  const browser = createBrowser();
  createGateway(browser).logIn("alice", "s1");
  const first = browser.openTab();
  const second = browser.openTab({ basePath: "/other/bff" });
  first.client.start();
  await browser.wait(1_000);
  expect([first.state().status, second.state().status]).toEqual(["authenticated", "unknown"]);
  await second.client.check();
  expect(browser.sent.at(-1)?.url).toBe("/other/bff/user");
  expect(second.client.loginUrl({ returnTo: "/" })).toBe("/other/bff/login?returnTo=%2F");
});

test("functions of a client need no this, and are stable", async () => {
  const { client } = await openTabOfAlice();
  const { getState, loginUrl } = client;
  expect([getState().status, loginUrl()]).toEqual(["authenticated", "/bff/login?returnTo=%2Forders%3Fid%3D7%23x"]);
  expect(client.getState()).toBe(client.getState());
  // A call with the index of an array, as `map` makes it, is no call with hidden parameters.
  expect([{ returnTo: "/" }].map(client.loginUrl)).toEqual(["/bff/login?returnTo=%2F"]);
});

test("the type of the user is that of parseUser, and the claims by default", async () => {
  const { browser } = await openTabOfAlice();
  const typed = createClient({ parseUser: ({ sub }) => ({ id: sub }) });
  expectTypeOf(typed).toEqualTypeOf<Client<{ id: string }>>();
  expectTypeOf(typed).toExtend<Client<unknown>>();
  const declared = createClient<{ sub: string; tier: number }>();
  const state = declared.getState();
  if (state.status === "authenticated") expectTypeOf(state.user.tier).toEqualTypeOf<number>();
  expect(browser.checks()).toBeGreaterThan(0);
});

test("an error of parseUser is an outage with its cause, and logs no one out", async () => {
  const cause = new Error("claims without a plan");
  const { state } = await openTabOfAlice({
    parseUser: () => {
      throw cause;
    },
  });
  expect(state()).toMatchObject({ status: "unknown", error: { failure: { kind: "unreadable", cause } } });
});

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

const stepUp = { acr_values: "2", max_age: "900" };
const stepUpProblem = { code: "step_up_required", loginUrl: "/bff/login?acr_values=2&max_age=900" };

/** A tab that has left for a login with a draft, and the return path. */
async function leaveWithDraft(options: TabOptions = {}) {
  const tab = await openTabOfAlice(options);
  tab.browser.handleWith(({ url }) =>
    url === "/bff/user"
      ? json({ user: { sub: "alice" }, session: { id: "s1" } })
      : problem(401, stepUpProblem.code, stepUpProblem),
  );
  const outcome = await tab.client.request("/api", { method: "POST", body: "typed" });
  if (outcome.kind !== "problem") throw new Error("expected a problem");
  expect(tab.client.stepUp(outcome.problem, { draft: { text: "typed" } })).toBe(true);
  const url = new URL(tab.visited.at(-1) ?? "", ORIGIN);
  const returnTo = url.searchParams.get("returnTo") ?? "";
  const nonce = new URL(returnTo, ORIGIN).searchParams.get("resume");
  return { ...tab, url, returnTo, nonce };
}

describe("the draft of a step-up", () => {
  test("the draft of a step-up is kept out of the URL, and the login has the demanded level", async () => {
    const { url, returnTo, nonce, stored, state } = await leaveWithDraft();
    expect(Object.fromEntries(url.searchParams)).toEqual({ ...stepUp, returnTo });
    expect(returnTo).toBe(`/orders?id=7&resume=${nonce}#x`);
    expect(nonce).toMatch(/^[\da-f-]{36}$/);
    expect(stored.get(draftKey)).toContain("typed");
    expect(state().status).toBe("authenticated");
  });

  test("the draft of a step-up is returned once to the page after the login, whose URL loses the parameter before a router reads it", async () => {
    const { browser, load, returnTo } = await leaveWithDraft();
    const page = load(returnTo);
    page.client.start();
    expect(page.href()).toBe("/orders?id=7#x");
    expect(page.client.takeDraft()).toBeNull();
    await browser.wait(1_000);
    expect(page.client.takeDraft()).toEqual({ text: "typed" });
    expect(page.client.takeDraft()).toBeNull();
    const reloaded = load(returnTo);
    reloaded.client.start();
    await browser.wait(1_000);
    expect(reloaded.client.takeDraft()).toBeNull();
  });

  const others: readonly [
    string,
    (left: Awaited<ReturnType<typeof leaveWithDraft>>) => ReturnType<typeof leaveWithDraft> | object,
  ][] = [
    ["a page without the parameter, as after the back button", ({ load }) => load("/orders?id=7")],
    ["a link with another nonce", ({ load }) => load("/orders?resume=1")],
    ["a link with an empty nonce", ({ load }) => load("/orders?resume=")],
    ["another tab", ({ browser, returnTo }) => browser.openTab({ url: returnTo })],
    [
      "another user",
      ({ browser, load, returnTo }) => {
        browser.handleWith(() => json({ user: { sub: "bob" }, session: { id: "s2" } }));
        return load(returnTo);
      },
    ],
    [
      "a browser in which no one is logged in",
      ({ browser, load, returnTo }) => {
        browser.handleWith(() => json({ user: null, session: null }));
        return load(returnTo);
      },
    ],
    [
      "a login that took more than 15 minutes",
      ({ load, returnTo }) => {
        vi.setSystemTime(16 * 60_000);
        return load(returnTo);
      },
    ],
    [
      "storage with other content",
      ({ load, returnTo, stored }) => {
        stored.set(draftKey, "{");
        return load(returnTo);
      },
    ],
  ];

  test.each(others)("is not given to %s", async (_who, open) => {
    const left = await leaveWithDraft();
    const page = open(left) as ReturnType<typeof left.load>;
    page.client.start();
    await left.browser.wait(1_000);
    expect(page.href()).not.toContain("resume");
    expect(page.state().status).not.toBe("unknown");
    expect(page.client.takeDraft()).toBeNull();
  });

  test("the draft of a step-up is deleted by a logout", async () => {
    const { browser, client, load, returnTo, stored } = await leaveWithDraft();
    createGateway(browser).logIn("alice", "s1");
    await client.logout();
    expect(stored.has(draftKey)).toBe(false);
    createGateway(browser).logIn("alice", "s3");
    const page = load(returnTo);
    page.client.start();
    await browser.wait(1_000);
    expect(page.client.takeDraft()).toBeNull();
  });

  test("the draft of a step-up is lost where the browser blocks storage, but the login works", async () => {
    const blocked = { sessionStorage: { getItem: fail, setItem: fail, removeItem: fail } };
    const { url } = await leaveWithDraft({ change: blocked });
    expect(url.searchParams.get("returnTo")).toBe("/orders?id=7#x");
  });

  function fail(): never {
    throw new DOMException("full", "QuotaExceededError");
  }
});

test("only a step_up_required with a login URL of the gateway leads to a step-up", async () => {
  const { client, browser, visited } = await openTabOfAlice();
  for (const body of [
    { code: "forbidden" },
    { code: "step_up_required", loginUrl: "https://evil.example/bff/login" },
  ]) {
    browser.handleWith(() => problem(401, body.code, body));
    const outcome = await client.request("/api");
    if (outcome.kind !== "problem") throw new Error("expected a problem");
    expect([client.stepUpUrl(outcome.problem), client.stepUp(outcome.problem)]).toEqual([null, false]);
  }
  expect(visited).toEqual([]);
});

test("a login navigates to the login URL, as a new history entry or in place of the current one", async () => {
  const { client, visited } = await openTabOfAlice();
  client.login({ prompt: "select_account", returnTo: "/a" });
  client.login({ returnTo: "/a", replace: true });
  expect(visited).toEqual(["/bff/login?prompt=select_account&returnTo=%2Fa", "replace /bff/login?returnTo=%2Fa"]);
});

describe("a silent login", () => {
  const offer = () => json({ user: null, session: null, silentLogin: "ready" });

  async function openWithOffer(options: TabOptions = {}) {
    const browser = createBrowser();
    browser.handleWith(offer);
    const tab = browser.openTab({ url: "/orders", loggedOutPath: "/logged-out", ...options });
    tab.client.start();
    await browser.wait(1_000);
    return { ...tab, browser };
  }

  test("a silent login starts once per tab, in place of the page", async () => {
    const { browser, load, visited, stored } = await openWithOffer();
    expect(visited).toEqual(["replace /bff/login?prompt=none&returnTo=%2Forders"]);
    expect(stored.get(attemptKey)).toBe("1");
    const again = load("/orders");
    again.client.start();
    await browser.wait(1_000);
    expect(again.visited).toEqual([]);
  });

  test.each<[string, TabOptions]>([
    ["on the page after a logout", { url: "/logged-out" }],
    ["if the app has switched it off", { silentLogin: false }],
  ])("does not start %s", async (_when, options) => {
    expect((await openWithOffer(options)).visited).toEqual([]);
  });
});

describe("a logout", () => {
  test("navigates only after the gateway has confirmed it, and clears the page before", async () => {
    const { client, browser, visited, state } = await openTabOfAlice();
    const logout = client.logout();
    expect(state().logout).toEqual({ kind: "pending", everywhere: false });
    expect([visited, state().status]).toEqual([[], "authenticated"]);
    expect(await logout).toBeNull();
    expect(visited).toEqual([`${ORIGIN}/bff/logout/provider`]);
    expect(state()).toMatchObject({ status: "anonymous", endReason: null, renderedSub: null });
    // No guard may start a login, which would cancel the navigation.
    expect(state().logout.kind).toBe("pending");
    expect(browser.calls().map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /bff/logout"]);
    expect(browser.calls()[0]?.headers).toMatchObject({ accept: "application/json", "x-csrf": "1" });
  });

  test("a logout of all sessions uses the sessions endpoint", async () => {
    const { client, browser } = await openTabOfAlice();
    expect(await client.logout({ everywhere: true })).toBeNull();
    expect(browser.calls().map(({ method, url }) => `${method} ${url}`)).toEqual(["DELETE /bff/sessions"]);
  });

  test("a logout shares its request with concurrent calls", async () => {
    const { client, browser } = await openTabOfAlice();
    await Promise.all([client.logout(), client.logout(), client.logout()]);
    expect(browser.calls()).toHaveLength(1);
  });

  test("that ends more than the one in flight sends a request of its own, which later calls share", async () => {
    const { client, browser } = await openTabOfAlice();
    await Promise.all([client.logout(), client.logout({ everywhere: true }), client.logout()]);
    expect(browser.calls().map(({ url }) => url)).toEqual(["/bff/logout", "/bff/sessions"]);
  });

  test("a logout without a session leads to the page after a logout", async () => {
    const { client, gateway, visited, state } = await openTabOfAlice({ loggedOutPath: "/logged-out" });
    gateway.logOut();
    expect(await client.logout()).toBeNull();
    expect([visited, state().endReason]).toEqual([["/logged-out"], null]);
  });

  const failures: readonly [what: string, respond: () => Response | Promise<Response>, failure: object][] = [
    ["503", () => problem(503, "store_unavailable", {}, { "retry-after": "1" }), { kind: "problem" }],
    ["403", () => problem(403, "csrf_rejected"), { kind: "problem" }],
    ["no response", () => Promise.reject(new TypeError("fetch failed")), { kind: "offline" }],
    ["a response without a location", () => json({}), { kind: "unreadable" }],
    ["a location that is a script", () => json({ location: "javascript:alert(1)" }), { kind: "unreadable" }],
    ["an HTML page", () => new Response("<html>"), { kind: "unreadable" }],
  ];

  test.each(failures)(
    "that is not confirmed (%s) leaves the page, shows the failure and can be repeated",
    async (_what, respond, failure) => {
      const { client, browser, visited, state } = await openTabOfAlice();
      browser.handleWith((sent) =>
        sent.url === "/bff/user" ? json({ user: { sub: "alice" }, session: { id: "s1" } }) : respond(),
      );
      expect(await client.logout()).toMatchObject(failure);
      expect([visited, state().status]).toEqual([[], "authenticated"]);
      expect(state().logout).toMatchObject({ kind: "failed", everywhere: false, failure });
      expect(browser.calls()).toHaveLength(1);
      client.dismissLogoutFailure();
      expect(state().logout).toEqual({ kind: "idle" });
      createGateway(browser).logIn("alice", "s1");
      expect(await client.logout()).toBeNull();
      expect(visited).toHaveLength(1);
    },
  );

  test("whose response was lost, but which ended the session, is shown by the check that follows", async () => {
    const { client, browser, state } = await openTabOfAlice();
    browser.handleWith((sent) =>
      sent.url === "/bff/user" ? json({ user: null, session: null }) : Promise.reject(new TypeError("connection lost")),
    );
    await client.logout();
    expect(state()).toMatchObject({ status: "anonymous", logout: { kind: "idle" } });
  });

  test("a logout shows no end reason for the event that it causes", async () => {
    const { client, browser, gateway, state } = await openTabOfAlice();
    const logout = client.logout();
    gateway.logOut();
    browser.openStreams()[0]?.emit("session-ended", { reason: "logout" });
    await logout;
    await browser.wait(1_000);
    expect(state()).toMatchObject({ status: "anonymous", endReason: null });
  });
});

test("the sessions of the user are listed and ended", async () => {
  const { client, browser } = await openTabOfAlice();
  browser.handleWith(({ method }) =>
    method === "GET"
      ? json({ sessions: [{ id: "a b", current: true, createdAt: "2026-01-01T00:00:00Z" }] })
      : new Response(null, { status: 204 }),
  );
  expect(await client.sessions.list()).toMatchObject({ kind: "ok", value: [{ handle: "a b", isCurrent: true }] });
  expect(await client.sessions.end("a b/../c")).toEqual({ kind: "ok", value: null });
  expect(browser.sent.at(-1)).toMatchObject({ method: "DELETE", url: "/bff/sessions/a%20b%2F..%2Fc" });
});
