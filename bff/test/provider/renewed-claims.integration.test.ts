// Claims about the user after a token refresh (OIDC Core 1.0 §12.2): the session, /bff/user and the authorization rules
// follow the provider on every instance, and no failure of userinfo loses tokens or claims (I4, I5).
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import {
  startHostileProvider,
  without,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

type Claims = Record<string, unknown>;
type Me = { user: Claims | null; session: Claims };

let redis: TestRedis;
let provider: HostileProvider;
let upstreams: string;
/** Two instances on one Redis with OIDC_USERINFO=off, and one of each further kind. */
let first: TestGateway;
let second: TestGateway;
let auto: TestGateway;
let always: TestGateway;
let inMemory: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider({ userinfo: true, beside: (_request, response) => response.end("{}") });
  upstreams = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  const baseUrl = `${provider.issuer}/up`;
  writeFileSync(
    upstreams,
    JSON.stringify([
      { prefix: "/api", baseUrl },
      { prefix: "/api/admin", baseUrl, requiredRoles: ["admin"] },
    ]),
  );
  const env = { UPSTREAMS_FILE: upstreams, OIDC_TIMEOUT_SECONDS: "2" };
  const off = { ...env, OIDC_USERINFO: "off" };
  first = await startGateway({ ...provider, redisUrl: redis.url, env: off });
  second = await startGateway({ ...provider, redisUrl: redis.url, publicOrigin: first.config.publicOrigin, env: off });
  auto = await startGateway({ ...provider, redisUrl: redis.url, env: { ...env, APP_ID: "auto" } });
  always = await startGateway({
    ...provider,
    redisUrl: redis.url,
    env: { ...env, APP_ID: "always", OIDC_USERINFO: "always" },
  });
  inMemory = await startGateway({ ...provider, env: off });
});
afterAll(async () => {
  for (const gateway of [first, second, auto, always, inMemory]) await gateway.stop();
  await provider.stop();
  await redis.stop();
});
beforeEach(() => {
  provider.overrides = {};
});

/** Expires at once, so that the first request refreshes. */
const expired: Pick<Overrides, "token"> = { token: (original) => ({ ...original, expires_in: 0 }) };
const idToken = (claims: Claims): Pick<Overrides, "claims"> => ({ claims: (original) => ({ ...original, ...claims }) });

async function loggedIn(gateway: TestGateway, overrides: Overrides): Promise<TestBrowser> {
  provider.overrides = { ...overrides, ...expired };
  const browser = testBrowser(gateway.origin, undefined, gateway.config.publicOrigin);
  expect((await browser.login()).status, gateway.log.join("")).toBe(303);
  return browser;
}
async function refresh(browser: TestBrowser, overrides: Overrides): Promise<number> {
  provider.overrides = overrides;
  const before = provider.counts.token;
  const { status } = await browser.fetch("/api/x");
  expect(provider.counts.token - before).toBe(1);
  return status;
}
const me = async (browser: TestBrowser) => (await (await browser.fetch("/bff/user")).json()) as Me;

describe("a refresh with a new ID token", () => {
  it("a refresh with a new ID token renews claims and roles on every instance", async () => {
    const browser = await loggedIn(first, idToken({ name: "Alice", roles: ["user"] }));
    browser.useInstance(second.origin);
    expect((await browser.fetch("/api/admin/x")).status).toBe(403);
    browser.useInstance(first.origin);
    expect(await refresh(browser, idToken({ name: "Alice B.", roles: ["admin"] }))).toBe(200);
    for (const instance of [first, second]) {
      browser.useInstance(instance.origin);
      expect((await me(browser)).user).toEqual({ sub: "alice", name: "Alice B.", roles: ["admin"] });
      expect((await browser.fetch("/api/admin/x")).status).toBe(200);
    }
  });

  it("a refresh with a new ID token removes a role", async () => {
    const browser = await loggedIn(first, idToken({ roles: ["admin"] }));
    expect(await refresh(browser, idToken({ roles: [] }))).toBe(200);
    for (const instance of [first, second]) {
      browser.useInstance(instance.origin);
      expect((await browser.fetch("/api/admin/x")).status).toBe(403);
    }
  });

  it("a refresh with a new ID token removes a claim that it no longer contains", async () => {
    const browser = await loggedIn(first, idToken({ name: "Alice", department: "x" }));
    await refresh(browser, idToken({ name: "Alice" }));
    expect((await me(browser)).user).toEqual({ sub: "alice", name: "Alice", roles: [] });
  });

  it("a refresh with a new ID token renews claims in the memory store", async () => {
    const browser = await loggedIn(inMemory, idToken({ roles: ["user"] }));
    await refresh(browser, idToken({ roles: ["admin"] }));
    expect((await browser.fetch("/api/admin/x")).status).toBe(200);
  });

  it("a refresh with a new ID token keeps handle, begin and auth_time of the session, and takes over acr", async () => {
    const authTime = Math.floor(Date.now() / 1000) - 100;
    const browser = await loggedIn(first, idToken({ auth_time: authTime, acr: "1" }));
    const { session } = await me(browser);
    await refresh(browser, idToken({ auth_time: authTime + 90, acr: "2" }));
    expect((await me(browser)).session).toMatchObject({
      id: session["id"],
      createdAt: session["createdAt"],
      authTime: new Date(authTime * 1000).toISOString(),
      acr: "2",
    });
  });

  it("a refresh with a new ID token keeps acr and auth_time where the ID token has none", async () => {
    const browser = await loggedIn(first, idToken({ acr: "2" }));
    const { session } = await me(browser);
    await refresh(browser, { claims: without("acr", "auth_time", "sid") });
    expect((await me(browser)).session).toMatchObject({ acr: "2", authTime: session["authTime"] });
  });

  it("a refresh with a new ID token keeps the provider's sid, by which back-channel logout finds the session", async () => {
    const sid = crypto.randomUUID();
    const browser = await loggedIn(first, idToken({ sid }));
    await refresh(browser, idToken({ sid: "another" }));
    const body = new URLSearchParams({ logout_token: await provider.logoutToken({ sid }) }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    await fetch(`${first.origin}/bff/backchannel-logout`, { method: "POST", headers, body });
    expect((await me(browser)).user).toBeNull();
  });

  it.each<[string, Claims]>([
    ["refresh-token-invalid-sub", { sub: "mallory" }],
    ["refresh-token-invalid-issuer", { iss: "https://other.test" }],
  ])("%s at a refresh ends the session and shows no other user's claims", async (_name, claims) => {
    const browser = await loggedIn(first, idToken({ name: "Alice" }));
    expect(await refresh(browser, idToken({ ...claims, name: "Mallory" }))).toBe(401);
    expect((await me(browser)).user).toBeNull();
  });

  it("a refresh with a new ID token that cannot be verified now keeps the claims and the new tokens", async () => {
    const browser = await loggedIn(first, idToken({ roles: ["user"] }));
    const expiredToken = idToken({ roles: ["admin"], exp: Math.floor(Date.now() / 1000) - 600 });
    expect(await refresh(browser, expiredToken)).toBe(200);
    expect((await me(browser)).user).toMatchObject({ roles: ["user"] });
  });

  it("a logout during the refresh stays final (I2)", async () => {
    const browser = await loggedIn(first, idToken({ roles: ["user"] }));
    provider.overrides = idToken({ roles: ["admin"] });
    const [, logout] = await Promise.all([
      browser.fetch("/api/x"),
      browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } }),
    ]);
    expect(logout.status).toBe(200);
    expect((await me(browser)).user).toBeNull();
  });
});

describe("a refresh without a new ID token", () => {
  it("a refresh without a new ID token keeps the claims, and requests no userinfo for an ID token that has all", async () => {
    const complete = { name: "Alice", email: "a@e.com", roles: ["user"] };
    const browser = await loggedIn(auto, idToken(complete));
    const before = provider.counts.userinfo;
    await refresh(browser, { token: without("id_token") });
    expect((await me(browser)).user).toMatchObject(complete);
    expect(provider.counts.userinfo).toBe(before);
  });

  it("a refresh without a new ID token renews the claims from userinfo where the ID token lacks them", async () => {
    const browser = await loggedIn(auto, { userinfo: () => ({ sub: "alice", roles: ["user"] }) });
    await refresh(browser, {
      token: without("id_token"),
      userinfo: () => ({ sub: "alice", name: "Alice", roles: ["admin"] }),
    });
    expect((await me(browser)).user).toEqual({ sub: "alice", name: "Alice", roles: ["admin"] });
    expect((await browser.fetch("/api/admin/x")).status).toBe(200);
  });
});

describe("userinfo at a refresh", () => {
  const login = () => loggedIn(auto, { userinfo: () => ({ sub: "alice", roles: ["user"] }) });

  it("userinfo at a refresh renews the claims, requested with the new access token", async () => {
    const browser = await login();
    let bearer: string | undefined;
    let issued: unknown;
    await refresh(browser, {
      token(original) {
        issued = original["access_token"];
        return original;
      },
      userinfo(original, request) {
        bearer = request.headers.authorization;
        return { ...original, roles: ["admin"] };
      },
    });
    expect(bearer).toBe(`Bearer ${String(issued)}`);
    expect((await browser.fetch("/api/admin/x")).status).toBe(200);
  });

  it.each<[string, NonNullable<Overrides["userinfo"]>]>([
    ["503", (_honest, _request, response) => void response.writeHead(503).end()],
    ["a reset connection", (_honest, _request, response) => void response.destroy()],
    ["another user's sub", () => ({ sub: "mallory", roles: ["admin"] })],
    ["no sub", () => ({ roles: ["admin"] })],
  ])("%s keeps the claims and the new tokens, and the log says so", async (_name, userinfo) => {
    const browser = await login();
    const loggedBefore = auto.log.length;
    expect(await refresh(browser, { userinfo })).toBe(200);
    expect((await me(browser)).user).toMatchObject({ roles: ["user"] });
    expect(auto.log.slice(loggedBefore).join("")).toContain("claims not renewed after a token refresh");
    const before = provider.counts.token;
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.counts.token).toBe(before);
  });

  it.each<[string, NonNullable<Overrides["userinfo"]>]>([
    ["503", (_honest, _request, response) => void response.writeHead(503).end()],
    ["another user's sub", () => ({ sub: "mallory", roles: ["admin"] })],
  ])("%s: a role that the new ID token no longer contains does not stay, other claims do", async (_name, userinfo) => {
    const name = () => ({ sub: "alice", name: "Alice", email: "a@e.com" });
    const browser = await loggedIn(auto, { ...idToken({ roles: ["admin"] }), userinfo: name });
    expect(await refresh(browser, { ...idToken({ roles: ["user"] }), userinfo })).toBe(200);
    expect((await me(browser)).user).toEqual({ sub: "alice", name: "Alice", email: "a@e.com", roles: ["user"] });
    expect((await browser.fetch("/api/admin/x")).status).toBe(403);
  });

  it("always: renews the claims also where the ID token of the login was too long to be stored", async () => {
    const browser = await loggedIn(always, {
      ...idToken({ department: "x".repeat(5_000) }),
      userinfo: () => ({ sub: "alice", roles: ["admin"] }),
    });
    await refresh(browser, { token: without("id_token"), userinfo: () => ({ sub: "alice", roles: [] }) });
    expect((await me(browser)).user).toMatchObject({ department: "x".repeat(5_000), roles: [] });
    expect((await browser.fetch("/api/admin/x")).status).toBe(403);
  });

  it("a slow response delays the request by at most a second, and its claims are stored when it arrives", async () => {
    const browser = await login();
    let release: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (release = resolve));
    const startedMs = performance.now();
    const status = await refresh(browser, {
      async userinfo(original) {
        await arrived;
        return { ...original, roles: ["admin"] };
      },
    });
    expect(status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(1_900);
    expect((await me(browser)).user).toMatchObject({ roles: ["user"] });
    release();
    await expect.poll(async () => (await me(browser)).user).toMatchObject({ roles: ["admin"] });
  });

  it("the tokens are stored before userinfo is requested (I4)", async () => {
    const browser = await login();
    let statusMeanwhile = 0;
    await refresh(browser, {
      async userinfo(original) {
        const before = provider.counts.token;
        statusMeanwhile = (await browser.fetch("/api/x")).status;
        expect(provider.counts.token).toBe(before);
        return original;
      },
    });
    expect(statusMeanwhile).toBe(200);
  });

  it("userinfo at a refresh never returns claims to a session that has ended meanwhile (I2)", async () => {
    const browser = await login();
    await refresh(browser, {
      async userinfo(original) {
        await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
        return { ...original, roles: ["admin"] };
      },
    });
    expect((await me(browser)).user).toBeNull();
  });
});
