// Rules of a row about claims and the login (requiredClaims, requiredAcr, maxAuthenticationAgeSeconds), for sessions and for
// access tokens of clients, through real sockets.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { callForwardAuth } from "@cloakroom/testkit/forward-auth-calls.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { openSocket, startSocketUpstream, type SocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { rowsFile, startRecordingUpstream, type RecordingUpstream } from "../headers/identity-rows.ts";
import { rawRequest } from "./raw-request.ts";

type Claims = Record<string, unknown>;

const TIER = { claim: "tier", values: ["gold", 7, true] };
const UNIT = { claim: "/org/my.units", values: ["it", "hr"] };
const RULES = {
  "/tier": { requiredClaims: [TIER] },
  "/name": { requiredClaims: [{ claim: ["https://example.com/a", "b c"], values: ["x"] }] },
  "/roles": { requiredClaims: [{ claim: "roles", values: ["clerk"] }] },
  "/login": { requiredClaims: [{ claim: "amr", values: ["otp"] }] },
  "/all": { requiredClaims: [TIER, UNIT], requiredRoles: ["clerk"] },
  "/acr": { requiredAcr: ["2", "urn:x:3"] },
  "/recent": { maxAuthenticationAgeSeconds: 60 },
  "/fresh": { requiredAcr: ["2"], maxAuthenticationAgeSeconds: 60 },
  "/order": { requiredAcr: ["2"], requiredClaims: [TIER] },
};

let provider: HostileProvider;
let upstream: RecordingUpstream;
let sockets: SocketUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startHostileProvider({ userinfo: true });
  upstream = await startRecordingUpstream();
  sockets = await startSocketUpstream();
  const baseUrl = upstream.origin;
  const both = { access: "session-or-bearer", bearer: { audience: "api" } };
  const rows = [
    ...Object.entries(RULES).map(([prefix, rules]) => ({ prefix, baseUrl, ...both, ...rules })),
    { prefix: "/pages", baseUrl, csrf: "same-origin", ...RULES["/fresh"] },
    { prefix: "/socket", baseUrl: sockets.origin, webSocket: true, maxAuthenticationAgeSeconds: 1 },
    { prefix: "/without-token", baseUrl, access: "session", token: "none", requiredAcr: ["2"] },
  ];
  gateway = await startGateway({
    ...provider,
    env: {
      UPSTREAMS_FILE: rowsFile(rows),
      SESSION_IDLE_SECONDS: "10",
      FORWARD_AUTH_LISTEN: "127.0.0.1:0",
      FORWARD_AUTH_PROXY: "caddy",
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
  sockets.stop();
  await provider.stop();
});
beforeEach(() => {
  provider.overrides = {};
  upstream.heads.length = 0;
});

const now = () => Math.floor(Date.now() / 1000);

/** @param query of the login; the provider returns these claims whatever it requests */
async function loggedIn(claims: Claims, query = "", browser = testBrowser(gateway.origin)): Promise<TestBrowser> {
  provider.overrides = { ...provider.overrides, claims: (honest) => ({ ...honest, ...claims }) };
  expect((await browser.login(query)).status, gateway.log.join("")).toBe(303);
  return browser;
}

type Problem = { code?: string; loginUrl?: string };

async function asUser(path: string, browser: TestBrowser) {
  const response = await browser.fetch(`${path}/x`);
  const text = await response.text();
  const problem = response.status === 200 ? {} : (JSON.parse(text) as Problem);
  return { status: response.status, code: problem.code, loginUrl: problem.loginUrl };
}

async function asClient(path: string, claims: Claims) {
  const honest = { iss: provider.issuer, aud: "api", iat: now(), exp: now() + 60, client_id: "robot", sub: "robot" };
  const token = await provider.sign({ ...honest, ...claims }, { typ: "at+jwt" });
  const { status, headers } = await rawRequest(`${gateway.origin}${path}/x`, [["authorization", `Bearer ${token}`]]);
  return { status, challenge: [headers["www-authenticate"] ?? ""].flat().join("; ") };
}

const OLD = () => now() - 120;

/** `403`: the permission is missing; `401`: a stronger login satisfies the row. */
const CASES: [name: string, path: keyof typeof RULES, claims: () => Claims, status: 200 | 401 | 403][] = [
  ["a claim with one of the values", "/tier", () => ({ tier: "gold" }), 200],
  ["a number", "/tier", () => ({ tier: 7 }), 200],
  ["a flag", "/tier", () => ({ tier: true }), 200],
  ["a list with one of the values", "/tier", () => ({ tier: ["tin", "gold"] }), 200],
  ["another value", "/tier", () => ({ tier: "silver" }), 403],
  ["a value of another type", "/tier", () => ({ tier: "7" }), 403],
  ["a flag as text", "/tier", () => ({ tier: "true" }), 403],
  ["a value in another case", "/tier", () => ({ tier: "Gold" }), 403],
  ["a text that contains the value", "/tier", () => ({ tier: "gold silver" }), 403],
  ["an object with the value as key", "/tier", () => ({ tier: { gold: true } }), 403],
  ["a list of lists", "/tier", () => ({ tier: [["gold"]] }), 403],
  ["an empty list", "/tier", () => ({ tier: [] }), 403],
  ["an absent claim", "/tier", () => ({}), 403],
  ["null", "/tier", () => ({ tier: null }), 403],
  ["names with blanks and slashes", "/name", () => ({ "https://example.com/a": { "b c": "x" } }), 200],
  ["a part of the path", "/name", () => ({ "https://example.com/a": "x" }), 403],
  ["the roles of the gateway", "/roles", () => ({ roles: ["clerk"] }), 200],
  ["other roles", "/roles", () => ({ roles: ["cook"] }), 403],
  ["a claim about the login", "/login", () => ({ amr: ["pwd", "otp"] }), 200],
  ["a weaker login", "/login", () => ({ amr: ["pwd"] }), 403],
  ["all rules", "/all", () => ({ tier: "gold", org: { "my.units": ["it"] }, roles: ["clerk"] }), 200],
  ["the first rule only", "/all", () => ({ tier: "gold", roles: ["clerk"] }), 403],
  ["the second rule only", "/all", () => ({ org: { "my.units": "hr" }, roles: ["clerk"] }), 403],
  ["the rules without the role", "/all", () => ({ tier: "gold", org: { "my.units": "it" } }), 403],
  ["an accepted acr", "/acr", () => ({ acr: "urn:x:3" }), 200],
  ["another acr", "/acr", () => ({ acr: "1" }), 401],
  ["an acr that begins like an accepted one", "/acr", () => ({ acr: "22" }), 401],
  ["a list as acr", "/acr", () => ({ acr: ["2"] }), 401],
  ["no acr", "/acr", () => ({ acr: undefined }), 401],
  ["a recent login", "/recent", () => ({ auth_time: now() - 30 }), 200],
  ["a login a moment ahead of our clock", "/recent", () => ({ auth_time: now() + 20 }), 200],
  ["an old login", "/recent", () => ({ auth_time: OLD() }), 401],
  ["no auth_time", "/recent", () => ({ auth_time: undefined }), 401],
  ["auth_time in milliseconds", "/recent", () => ({ auth_time: Date.now() }), 403],
  ["a strong and recent login", "/fresh", () => ({ acr: "2", auth_time: now() }), 200],
  ["a strong and old login", "/fresh", () => ({ acr: "2", auth_time: OLD() }), 401],
  ["a weak and recent login", "/fresh", () => ({ acr: "1", auth_time: now() }), 401],
  ["a weak login without the claim", "/order", () => ({ acr: "1" }), 403],
];

/** A login with such an ID token fails. */
const TOKEN_CASES: typeof CASES = [
  ["auth_time as text", "/recent", () => ({ auth_time: String(now()) }), 401],
  ["null as auth_time", "/recent", () => ({ auth_time: null }), 401],
];

const LOGINS: Partial<Record<keyof typeof RULES, [query: string, challenge: string]>> = {
  "/acr": ["acr_values=2+urn%3Ax%3A3", 'acr_values="2 urn:x:3"'],
  "/recent": ["max_age=60", 'max_age="60"'],
  "/fresh": ["acr_values=2&max_age=60", 'acr_values="2", max_age="60"'],
};

describe("the rules of a row", () => {
  it.each(CASES)("a session with %s (%s) gets the right response", async (_name, path, claims, status) => {
    const found = await asUser(path, await loggedIn(claims()));
    const code = { 200: undefined, 401: "step_up_required", 403: "forbidden" }[status];
    const loginUrl = status === 401 ? `/bff/login?${LOGINS[path]?.[0]}` : undefined;
    expect(found).toEqual({ status, code, loginUrl });
    expect(upstream.heads).toHaveLength(status === 200 ? 1 : 0);
  });

  it.each([...CASES, ...TOKEN_CASES])(
    "an access token with %s (%s) gets the right response",
    async (_name, path, claims, status) => {
      const { status: found, challenge } = await asClient(path, {
        ...(path === "/recent" ? {} : { auth_time: now() }),
        ...claims(),
      });
      expect(found).toBe(status);
      expect(upstream.heads).toHaveLength(status === 200 ? 1 : 0);
      if (status === 403) expect(challenge).toContain('error="insufficient_scope"');
      if (status === 401)
        expect(challenge).toContain(`error="insufficient_user_authentication", ${LOGINS[path]?.[1]}, algs=`);
    },
  );
});

describe("a session", () => {
  it("a stronger login satisfies the row, and a login that lacks it fails", async () => {
    const browser = await loggedIn({ acr: "1", auth_time: OLD() });
    const { loginUrl } = await asUser("/fresh", browser);
    const query = new URL(loginUrl ?? "", "http://x").search;
    provider.overrides = { claims: (honest) => ({ ...honest, acr: "1", auth_time: now() }) };
    const failed = await browser.login(query);
    expect([failed.status, (await asUser("/fresh", browser)).status]).toEqual([403, 401]);
    await loggedIn({ acr: "2", auth_time: now() }, query, browser);
    expect((await asUser("/fresh", browser)).status).toBe(200);
  });

  it("a claim that only a rule uses is taken from userinfo", async () => {
    provider.overrides = { userinfo: (honest) => ({ ...honest, tier: "gold" }) };
    const browser = await loggedIn({ name: "A", email: "a@x", roles: ["x"] });
    expect((await asUser("/tier", browser)).status).toBe(200);
  });

  it("the rules apply to a row that sends no token", async () => {
    expect(await asUser("/without-token", await loggedIn({ acr: "1" }))).toMatchObject({ code: "step_up_required" });
    expect((await asUser("/without-token", await loggedIn({ acr: "2" }))).status).toBe(200);
  });

  it("a navigation goes to the login once", async () => {
    const browser = await loggedIn({ acr: "1", auth_time: OLD() });
    const target = "/pages/a?b=1";
    const start = await browser.navigate(target);
    const location = new URL(start.headers.get("location") ?? "");
    expect([start.status, location.pathname, Object.fromEntries(location.searchParams)]).toEqual([
      303,
      "/bff/login",
      { acr_values: "2", max_age: "60", returnTo: target },
    ]);
    // Returns without what the row requires, as a login of another tab could.
    await loggedIn({ acr: "1", auth_time: OLD() }, `?returnTo=${encodeURIComponent(target)}`, browser);
    const back = await browser.navigate(target);
    expect([back.status, back.headers.get("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
    await loggedIn({ acr: "2", auth_time: now() }, location.search, browser);
    expect((await browser.navigate(target)).status).toBe(200);
    expect(upstream.heads).toHaveLength(1);
  });

  it.each([
    ["without a session", "session_missing", []],
    ["with an unknown session", "session_expired", [["__Host-Http-session", "A".repeat(43)]]],
  ] as [string, string, [string, string][]][])(
    "a request %s gets the login that the row requires",
    async (_name, code, cookies) => {
      const browser = testBrowser(gateway.origin);
      const addCookies = () => cookies.forEach(([name, value]) => browser.cookies.set(name, value));
      addCookies();
      const loginUrl = "/bff/login?acr_values=2&max_age=60";
      expect(await asUser("/fresh", browser)).toEqual({ status: 401, code, loginUrl });
      expect((await asUser("/tier", browser)).loginUrl).toBe("/bff/login");
      addCookies();
      const { status, headers } = await browser.navigate("/pages/a");
      const { pathname, search } = new URL(headers.get("location") ?? "");
      expect([status, pathname + search]).toEqual([303, `${loginUrl}&returnTo=%2Fpages%2Fa`]);
      await loggedIn({ acr: "2", auth_time: now() }, search, browser);
      expect((await browser.navigate("/pages/a")).status).toBe(200);
    },
  );

  it("an open WebSocket is closed when its login has become too old", { timeout: 15_000 }, async () => {
    const browser = await loggedIn({ auth_time: now() + 1 });
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const { port, host } = new URL(gateway.origin);
    const { socket, closed } = await openSocket({ port: Number(port), host }, "/socket/x", {
      headers: { Cookie: cookie },
    });
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    await until("the WebSocket is closed", () => {
      if (!isClosed) socket.send("x");
      return isClosed;
    });
    expect(await closed).toEqual({ code: 4401, reason: "step_up_required" });
  });
});

it("forward-auth applies the rules", async () => {
  const { host } = new URL(gateway.config.publicOrigin);
  const call = (browser: TestBrowser, target: string, mode: "cors" | "navigate") =>
    callForwardAuth(gateway.forwardAuthOrigin, "caddy", {
      target,
      host,
      headers: [
        ["Cookie", [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ")],
        ["X-CSRF", "1"],
        ["Sec-Fetch-Site", "same-origin"],
        ["Sec-Fetch-Mode", mode],
        ["Sec-Fetch-Dest", mode === "cors" ? "empty" : "document"],
      ],
    });
  const weak = await loggedIn({ acr: "1", tier: "tin" });
  expect((await call(weak, "/tier/x", "cors")).status).toBe(403);
  const { status, body } = await call(weak, "/acr/x", "cors");
  expect([status, JSON.parse(body)]).toMatchObject([401, { code: "step_up_required" }]);
  const page = await call(weak, "/pages/x", "navigate");
  expect([page.status, page.headers["location"]]).toEqual([
    303,
    `${gateway.config.publicOrigin}/bff/login?acr_values=2&max_age=60&returnTo=%2Fpages%2Fx`,
  ]);
  expect((await call(await loggedIn({ acr: "2", tier: "gold" }), "/order/x", "cors")).status).toBe(200);
});
