// I10: a logout reaches the provider's end-session endpoint whatever happens to its optional parts (OIDC RP-Initiated
// Logout 1.0), by a form and by a fetch, and no response head exceeds nginx's default buffer of 4 kB.
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import Koa from "koa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createProviderLogout } from "../../src/auth/provider-logout.ts";
import { applicationId } from "../../src/lib/application-id.ts";
import { createSealerFactory } from "../../src/lib/encryption.ts";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";

let provider: HostileProvider;
let gateway: TestGateway;
let home: string;

beforeAll(async () => {
  provider = await startHostileProvider();
});
afterAll(() => provider.stop());
beforeEach(async () => {
  provider.overrides = { metadata: offering() };
  gateway = await startGateway({ ...provider, env: { POST_LOGOUT_PATH: "/logged-out", OIDC_TIMEOUT_SECONDS: "10" } });
  home = `${gateway.origin}/logged-out`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gateway.stop();
});

type Members = Record<string, unknown>;
const END_SESSION = "https://logout.provider.test/end";

function offering(more: Members = {}) {
  return (original: Members): Members => ({
    ...original,
    revocation_endpoint: `${provider.issuer}/revoke`,
    end_session_endpoint: END_SESSION,
    ...more,
  });
}

const revocation =
  (respond: (response: Parameters<NonNullable<Overrides["raw"]>>[1]) => unknown): NonNullable<Overrides["raw"]> =>
  (pathname, response) => {
    if (pathname !== "/revoke") return false;
    respond(response);
    return true;
  };
const status = (code: number, body = '{"error":"unsupported_token_type"}') =>
  revocation((response) => response.writeHead(code, { "content-type": "application/json" }).end(body));

/** An ID token of about this many characters, as of a user in many groups. */
const idTokenOf =
  (chars: number): NonNullable<Overrides["claims"]> =>
  (original) => ({
    ...original,
    groups: Array.from({ length: Math.round((chars * 0.75 - 700) / 39) }, (_, n) => String(n).padStart(36, "0")),
  });

const METHODS = {
  form: (browser: TestBrowser) =>
    browser.fetch("/bff/logout", {
      method: "POST",
      headers: {
        accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
        "x-csrf": "",
      },
    }),
  fetch: (browser: TestBrowser) =>
    browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } }),
};
type Method = keyof typeof METHODS;

/** @returns where the browser goes next, whatever the method */
async function nextOf(response: Response): Promise<string | null> {
  if (response.status === 303) return response.headers.get("location");
  if (response.headers.get("content-type")?.startsWith("text/html") === true)
    return /http-equiv="refresh" content="0;url=([^"]+)"/.exec(await response.text())?.[1] ?? null;
  return ((await response.json()) as { location: string }).location;
}

function headBytes(response: Response): number {
  const lines = [...response.headers].filter(([name]) => name !== "set-cookie");
  const all = [...lines, ...response.headers.getSetCookie().map((line) => ["set-cookie", line] as const)];
  return all.reduce(
    (sum, [name, value]) => sum + name.length + value.length + 4,
    "HTTP/1.1 303 See Other\r\n\r\n".length,
  );
}

async function loggedIn(): Promise<TestBrowser> {
  const browser = testBrowser(gateway.origin);
  expect((await browser.login()).status, gateway.log.join("")).toBe(303);
  return browser;
}

async function logOut(browser: TestBrowser, method: Method): Promise<URL> {
  const response = await METHODS[method](browser);
  expect(headBytes(response)).toBeLessThan(4_096);
  expect(await nextOf(response)).toBe("/bff/logout/provider");
  return toProvider(browser);
}

async function toProvider(browser: TestBrowser): Promise<URL> {
  const response = await browser.navigate("/bff/logout/provider", { "sec-fetch-site": "same-origin" });
  expect(response.status).toBe(303);
  expect(headBytes(response)).toBeLessThan(4_096);
  return new URL(response.headers.get("location") ?? "");
}

const isLoggedIn = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;

type Obstacle = { overrides?: () => Overrides; hasHint?: boolean; before?: (browser: TestBrowser) => void };

const OBSTACLES: Record<string, Obstacle> = {
  "nothing is missing": {},
  "there is no revocation endpoint": { overrides: () => ({ metadata: offering({ revocation_endpoint: undefined }) }) },
  "the revocation is rejected with 400": { overrides: () => ({ raw: status(400) }) },
  "the revocation is rejected with 401": { overrides: () => ({ raw: status(401, '{"error":"invalid_client"}') }) },
  "the revocation is rejected with 405 and HTML": { overrides: () => ({ raw: status(405, "<h1>no</h1>") }) },
  "the revocation fails with 500": { overrides: () => ({ raw: status(500) }) },
  "the revocation fails with 503": { overrides: () => ({ raw: status(503, "") }) },
  "the revocation is redirected": {
    overrides: () => ({ raw: revocation((response) => response.writeHead(302, { location: "/elsewhere" }).end()) }),
  },
  "the revocation does not respond": { overrides: () => ({ raw: revocation(() => undefined) }) },
  "the revocation resets the connection": { overrides: () => ({ raw: revocation((response) => response.destroy()) }) },
  "the ID token has 2 kB": { overrides: () => ({ claims: idTokenOf(2_000) }) },
  "the ID token has 4 kB": { overrides: () => ({ claims: idTokenOf(4_000) }), hasHint: false },
  "the ID token has 30 kB": { overrides: () => ({ claims: idTokenOf(30_000) }), hasHint: false },
  "the ID token has 180 kB": { overrides: () => ({ claims: idTokenOf(180_000) }), hasHint: false },
  "the end-session endpoint has a query": {
    overrides: () => ({ metadata: offering({ end_session_endpoint: `${END_SESSION}?tenant=a%20b` }) }),
  },
  "the end-session endpoint has 2 kB and the ID token 2 kB": {
    overrides: () => ({
      metadata: offering({ end_session_endpoint: `${END_SESSION}?x=${"x".repeat(2_000)}` }),
      claims: idTokenOf(2_000),
    }),
    hasHint: false,
  },
  "the tokens cannot be decrypted": {
    before: () => {
      const { readWithTimes } = gateway.store;
      vi.spyOn(gateway.store, "readWithTimes").mockImplementation(async (key) => {
        const stored = await readWithTimes(key);
        return stored === undefined ? undefined : { ...stored, tokens: "AAAAAA.unreadable" };
      });
    },
    hasHint: false,
  },
  "the ID token has 2 kB and the browser 40 login attempts": {
    overrides: () => ({ claims: idTokenOf(2_000) }),
    before: (browser) => {
      for (let n = 0; n < 40; n++) browser.cookies.set(`__Host-Http-login-t000${100 + n}deadbeef`, "x".repeat(43));
    },
  },
};

describe("a logout reaches the end-session endpoint when", () => {
  const cases = Object.entries(OBSTACLES).flatMap(([what, obstacle]) =>
    (["form", "fetch"] as const).map((method) => [what, method, obstacle] as const),
  );
  it.each(cases)(
    "a logout reaches the end-session endpoint when %s, by a %s",
    async (_what, method, { overrides, hasHint = true, before }) => {
      provider.overrides = { metadata: offering(), ...overrides?.() };
      const browser = await loggedIn();
      before?.(browser);
      const beganMs = performance.now();
      const target = await logOut(browser, method);
      expect(performance.now() - beganMs).toBeLessThan(3_500);
      expect(target.href.startsWith(END_SESSION)).toBe(true);
      const query = target.searchParams;
      expect(query.get("client_id")).toBe(provider.clientId);
      expect(query.get("post_logout_redirect_uri")).toBe(`${gateway.origin}/bff/logout/return`);
      expect(query.get("state")).toMatch(/^[\w-]{22}$/);
      expect(query.has("id_token_hint")).toBe(hasHint);
      if (target.href.includes("tenant")) expect(query.get("tenant")).toBe("a b");
      vi.restoreAllMocks();
      expect(await isLoggedIn(browser)).toBe(false);
    },
  );

  it.each(["form", "fetch"] as const)(
    "a logout reaches the end-session endpoint from an instance without a connection to the provider, by a %s",
    async (method) => {
      const browser = await loggedIn();
      const fresh = await startGateway({ ...provider, publicOrigin: gateway.config.publicOrigin });
      try {
        // The logout cookie is opened by every instance, as after a restart between the two requests.
        expect(await nextOf(await METHODS[method](browser))).toBe("/bff/logout/provider");
        browser.useInstance(fresh.origin);
        expect((await toProvider(browser)).href).toContain(END_SESSION);
      } finally {
        await fresh.stop();
      }
    },
  );
});

describe("a logout that cannot reach the provider", () => {
  it.each(["form", "fetch"] as const)(
    "a logout that cannot reach the provider leads to a page that says so, by a %s",
    async (method) => {
      const browser = await loggedIn();
      provider.overrides = { metadata: offering(), raw: (_path, response) => response.destroy() !== undefined };
      expect(await nextOf(await METHODS[method](browser))).toBe(`${home}?provider=unreachable`);
      expect(await isLoggedIn(browser)).toBe(false);
    },
  );

  it.each(["form", "fetch"] as const)(
    "a logout that cannot reach the provider leads to the post-logout page without an end-session endpoint, by a %s",
    async (method) => {
      provider.overrides = { metadata: offering({ end_session_endpoint: undefined }) };
      const browser = await loggedIn();
      expect(await nextOf(await METHODS[method](browser))).toBe(home);
    },
  );
});

describe("repeated logouts", () => {
  it("two tabs that log out at once both reach the provider, with the hint if its response is the last", async () => {
    const browser = await loggedIn();
    const arrived: Response[] = [];
    const logOut = () => METHODS.form(browser).then((response) => void arrived.push(response));
    await Promise.all([logOut(), logOut()]);
    expect(await Promise.all(arrived.map(nextOf))).toEqual(["/bff/logout/provider", "/bff/logout/provider"]);
    // A request that found the session has the hint, which makes its cookie longer. Both can find it.
    const [first = 0, last = 0] = arrived.map((response) => response.headers.getSetCookie().join().length);
    expect((await toProvider(browser)).searchParams.has("id_token_hint")).toBe(last >= first);
    expect((await toProvider(browser)).href).toBe(home);
  });

  it("a form post that is repeated before the provider keeps the hint", async () => {
    const browser = await loggedIn();
    await METHODS.form(browser);
    expect((await logOut(browser, "form")).searchParams.has("id_token_hint")).toBe(true);
  });

  it("a form post whose response was lost is repeated and reaches the provider", async () => {
    const browser = await loggedIn();
    const cookies = new Map(browser.cookies);
    await METHODS.form(browser);
    browser.cookies.clear();
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    expect((await logOut(browser, "form")).href).toContain(END_SESSION);
  });

  it("a reload of the page after the return leads to the post-logout page", async () => {
    const browser = await loggedIn();
    await logOut(browser, "form");
    expect(await nextOf(await METHODS.form(browser))).toBe(home);
  });

  it("a logout of an expired session reaches the provider, whose session may still exist", async () => {
    const browser = await loggedIn();
    browser.cookies.set("__Host-Http-session", "A".repeat(43));
    expect((await logOut(browser, "form")).href).toContain(END_SESSION);
  });

  it("a session that the provider has ended leads to the post-logout page", async () => {
    const browser = await loggedIn();
    const body = new URLSearchParams({ logout_token: await provider.logoutToken() });
    await fetch(`${gateway.origin}/bff/backchannel-logout`, { method: "POST", body });
    expect(await nextOf(await METHODS.form(browser))).toBe(home);
  });

  it("the sealed cookie expires, whatever the browser sends", async () => {
    const sealerFor = createSealerFactory([new Uint8Array(32)], applicationId("test"));
    let nowMs = 0;
    const endSessionUrl = async () => new URL(END_SESSION);
    const dependencies = { sealerFor, provider: { endSessionUrl }, home: "/home", now: () => nowMs, log: silentLog };
    const { prepare, route } = createProviderLogout(dependencies);
    const contextWith = (cookie: string) => {
      const request = Object.assign(new IncomingMessage(new Socket()), { headers: { cookie } });
      return new Koa().createContext(request, new ServerResponse(request));
    };
    const before = contextWith("");
    before.cookies.secure = true;
    prepare(before, "hint");
    const [cookie = ""] = String(before.res.getHeader("set-cookie")).split(";");
    for (const [afterMs, location] of [
      [5 * 60_000, END_SESSION],
      [5 * 60_000 + 1, "/home"],
    ] as const) {
      nowMs = afterMs;
      const ctx = contextWith(cookie);
      await route(ctx);
      expect(ctx.res.getHeader("location")).toBe(location);
    }
  });
});

describe("return from the provider", () => {
  const RETURN = "/bff/logout/return";
  const RETURN_COOKIE = "__Host-Http-logout-return";
  const back = (browser: TestBrowser, query: string) =>
    browser.navigate(RETURN + query, { "sec-fetch-site": "cross-site" });

  it("oidcc-client-test-rp-init-logout: the state is expected once, and the browser arrives at POST_LOGOUT_PATH", async () => {
    const browser = await loggedIn();
    const state = (await logOut(browser, "form")).searchParams.get("state");
    const line = browser.setCookies.findLast((each) => each.startsWith(`${RETURN_COOKIE}=`));
    for (const attribute of [/; path=\/;/i, /; secure/i, /; httponly/i, /; samesite=lax/i])
      expect(line).toMatch(attribute);
    const response = await back(browser, `?state=${state}`);
    expect([response.status, response.headers.get("location")]).toEqual([303, home]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect([...browser.cookies.keys()]).toEqual([]);
    expect(gateway.log.join("")).not.toContain("unknown state");
  });

  it.each<[string, (state: string) => string]>([
    ["oidcc-client-test-rp-init-logout-other-state", (state) => `?state=${state}x`],
    ["oidcc-client-test-rp-init-logout-no-state", () => ""],
    ["an empty state", () => "?state="],
    ["the state twice", (state) => `?state=${state}&state=${state}`],
    ["a state in another case", (state) => `?state=${state.toUpperCase()}.`],
    ["another site as a parameter", () => "?state=https://evil.test&url=//evil.test&returnTo=//evil.test"],
    ["a long state", () => `?state=${"x".repeat(4_000)}`],
    ["an invalid encoding", () => "?state=%ff%fe%"],
    ["prototype names", () => "?__proto__=x&constructor=x"],
  ])("%s: the browser arrives at POST_LOGOUT_PATH and nothing else happens", async (_what, query) => {
    const browser = await loggedIn();
    const state = (await logOut(browser, "form")).searchParams.get("state") ?? "";
    const response = await back(browser, query(state));
    expect([response.status, response.headers.get("location")]).toEqual([303, home]);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(gateway.log.join("")).toContain("return from a logout with an unknown state");
    // The real return is still recognized.
    await back(browser, `?state=${state}`);
    expect(browser.cookies.has(RETURN_COOKIE)).toBe(false);
  });

  it("a return without a logout keeps the session", async () => {
    const browser = await loggedIn();
    const response = await back(browser, "?state=x");
    expect([response.status, response.headers.get("location")]).toEqual([303, home]);
    expect(await isLoggedIn(browser)).toBe(true);
  });
});
