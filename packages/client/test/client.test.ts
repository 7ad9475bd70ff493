// Start and stop, login, logout, sessions and servers.
import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { type Client, createClient, initialState, stateOfUserBody } from "../src/index.ts";
import { attemptKey } from "../src/silent-login.ts";
import {
  ORIGIN,
  type TabOptions,
  createBrowser,
  createGateway,
  json,
  problem,
  settled,
} from "./support/fake-browser.ts";
import { openTabOfAlice } from "./support/tab-of-alice.ts";

afterEach(() => void vi.useRealTimers());

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
