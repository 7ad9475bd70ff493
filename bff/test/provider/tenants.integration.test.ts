// OIDC_TENANTS: a provider whose discovery document has a template as its issuer, and whose tokens have the template filled
// with the claim `tid` (Entra ID's `common` and `organizations`). The provider is a stand-in.
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

type Claims = Record<string, unknown>;

const A = "11111111-2222-3333-4444-555555555555";
const B = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const UNLISTED = "99999999-9999-9999-9999-999999999999";

let redis: TestRedis;
let provider: HostileProvider;
let origin: string;
let gateway: TestGateway;
const gateways: TestGateway[] = [];

const issuerOf = (tenant: string) => `${origin}/${tenant}/v2.0`;
const metadata = (original: Claims): Claims => ({ ...original, issuer: issuerOf("{tenantid}") });
const tenant = (id: string, more: Claims = {}): Overrides => ({
  metadata,
  claims: (original) => ({ ...original, iss: issuerOf(id), tid: id, ...more }),
});

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider({
    path: "/organizations/v2.0",
    userinfo: true,
    beside: (_request, response) => response.end("{}"),
  });
  ({ origin } = new URL(provider.issuer));
  provider.overrides = { metadata };
  gateway = await startGateway({ ...provider, env: settings() });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
  await redis.stop();
});
afterEach(async () => {
  provider.overrides = { metadata };
  for (const each of gateways.splice(0)) await each.stop();
});

function settings(more: Record<string, string> = {}): Record<string, string> {
  return { OIDC_TENANTS: `${A}, ${B.toUpperCase()}`, OIDC_USERINFO: "off", UPSTREAMS: `/api=${origin}/up`, ...more };
}
async function start(env: Record<string, string>, more: object = {}): Promise<TestGateway> {
  const started = await startGateway({ ...provider, env: settings(env), ...more });
  gateways.push(started);
  return started;
}
const me = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: Claims | null }).user;
async function login(overrides: Overrides, at = gateway) {
  provider.overrides = overrides;
  const browser = testBrowser(at.origin, undefined, at.config.publicOrigin);
  const { status } = await browser.login();
  return { browser, status, reason: String(at.events("login_failed").at(-1)?.["reason"]) };
}
async function loggedIn(overrides: Overrides, at = gateway): Promise<TestBrowser> {
  const { browser, status } = await login(overrides, at);
  expect(status, at.log.join("")).toBe(303);
  return browser;
}
const expired: Pick<Overrides, "token"> = { token: (original) => ({ ...original, expires_in: 0 }) };

describe("a login of several tenants", () => {
  it.each([
    ["a listed tenant", A],
    ["another listed tenant, whose id is written in upper case in the setting", B],
  ])("of %s succeeds", async (_name, id) => {
    const browser = await loggedIn(tenant(id));
    expect(await me(browser)).toMatchObject({ sub: "alice", tid: id });
    expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it("a login of any tenant succeeds with OIDC_TENANTS=any", async () => {
    await loggedIn(tenant(UNLISTED), await start({ OIDC_TENANTS: "any" }));
  });

  it("a login of several tenants reads claims from userinfo", async () => {
    const at = await start({ OIDC_USERINFO: "auto" });
    const browser = await loggedIn({ ...tenant(A), userinfo: () => ({ sub: "alice", roles: ["admin"] }) }, at);
    expect(await me(browser)).toMatchObject({ roles: ["admin"] });
  });

  it("a login of several tenants keeps users with the same sub in two tenants apart", async () => {
    const env = { SESSIONS_PER_USER: "1" };
    const at = await start(env);
    const [ofA, ofB] = [await loggedIn(tenant(A), at), await loggedIn(tenant(B), at)];
    expect([await me(ofA), await me(ofB)]).toMatchObject([{ tid: A }, { tid: B }]);
    await loggedIn(tenant(A), at);
    expect(await me(ofA)).toBeNull();
    expect(await me(ofB)).not.toBeNull();
  });

  it("a login of several tenants sends assertions whose audience is the token endpoint, not the template", async () => {
    const clientSecret = "a-client-secret-of-at-least-32-bytes";
    await loggedIn(tenant(A), await start({ OIDC_CLIENT_AUTH: "client_secret_jwt" }, { clientSecret }));
    const assertion = provider.lastTokenRequest().body.get("client_assertion") ?? "";
    expect(decodeJwt(assertion).aud).toBe(`${provider.issuer}/token`);
  });

  it("the gateway is ready with OIDC_TENANTS", async () => {
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
  });
});

describe("an ID token", () => {
  it.each<[string, () => Claims, RegExp]>([
    ["of another tenant in tid", () => ({ iss: issuerOf(A), tid: B }), /rejected/],
    ["without tid", () => ({ iss: issuerOf(A), tid: undefined }), /rejected/],
    ["whose tid is empty", () => ({ iss: issuerOf(""), tid: "" }), /rejected/],
    ["whose tid is no UUID", () => ({ iss: issuerOf("common"), tid: "common" }), /iss names another issuer/],
    ["whose tid is in upper case", () => ({ iss: issuerOf(B.toUpperCase()), tid: B.toUpperCase() }), /another issuer/],
    ["whose tid is a list", () => ({ iss: issuerOf(A), tid: [A] }), /tid is missing or no tenant id/],
    ["whose tid is a replacement pattern", () => ({ iss: issuerOf("{tenantid}"), tid: "$&" }), /another issuer/],
    ["whose iss is the template", () => ({ iss: issuerOf("{tenantid}"), tid: A }), /rejected/],
    ["whose iss is OIDC_ISSUER", () => ({ iss: provider.issuer, tid: A }), /rejected/],
    ["whose tid is organizations", () => ({ iss: provider.issuer, tid: "organizations" }), /another issuer/],
    ["of another origin", () => ({ iss: `https://login.example.com/${A}/v2.0`, tid: A }), /rejected/],
    ["with another path", () => ({ iss: `${origin}/${A}/v1.0`, tid: A }), /rejected/],
    ["with a slash", () => ({ iss: `${issuerOf(A)}/`, tid: A }), /rejected/],
    [
      "of a tenant that is not listed",
      () => ({ iss: issuerOf(UNLISTED), tid: UNLISTED }),
      /ID token rejected: iss names tenant 9{8}-.*, which is not in OIDC_TENANTS/,
    ],
  ])("%s is rejected", async (_name, claims, expected) => {
    const { browser, status, reason } = await login(tenant(A, claims()));
    expect(status).toBe(400);
    expect(reason).toMatch(expected);
    expect(await me(browser)).toBeNull();
  });
});

describe("the discovery document", () => {
  it.each<[string, Record<string, string>, (original: Claims) => Claims, RegExp]>([
    [
      "with a template of another origin",
      {},
      (original) => ({ ...original, issuer: "https://login.example.com/{tenantid}/v2.0" }),
      /OIDC_TENANTS is set, but `issuer`/,
    ],
    [
      "with the placeholder elsewhere",
      {},
      (original) => ({ ...original, issuer: `${origin}/organizations/{tenantid}` }),
      /OIDC_TENANTS is set, but `issuer`/,
    ],
    [
      "with a placeholder of another name",
      {},
      (original) => ({ ...original, issuer: `${origin}/{tenant}/v2.0` }),
      /OIDC_TENANTS is set, but `issuer`/,
    ],
    ["without a template, while OIDC_TENANTS is set", {}, (original) => original, /OIDC_TENANTS is set, but `issuer`/],
    [
      "with the issuer of one tenant, while OIDC_TENANTS is set",
      {},
      (original) => ({ ...original, issuer: issuerOf(A) }),
      /OIDC_TENANTS is set, but `issuer`/,
    ],
  ])("%s is rejected with a sentence", async (_name, env, change, expected) => {
    provider.overrides = { metadata: change };
    const at = await start(env);
    expect(JSON.stringify(await at.readiness("provider"))).toMatch(expected);
    provider.overrides = { ...tenant(A), metadata: change };
    expect((await testBrowser(at.origin).navigate("/bff/login")).status).toBe(503);
  });

  it("the discovery document with a template is rejected where OIDC_ISSUER is of one tenant", async () => {
    const one = await startHostileProvider({ path: `/${A}/v2.0` });
    const own = new URL(one.issuer).origin;
    one.overrides = {
      metadata: (original) => ({ ...original, issuer: `${own}/{tenantid}/v2.0` }),
      claims: (original) => ({ ...original, tid: A }),
    };
    const at = await startGateway({ ...one });
    expect(JSON.stringify(await at.readiness("provider"))).toMatch(/its issuer has a placeholder for the tenant/);
    expect((await testBrowser(at.origin).navigate("/bff/login")).status).toBe(503);
    await at.stop();
    await one.stop();
  });
});

describe("a token refresh", () => {
  const refreshed = async (browser: TestBrowser, overrides: Overrides) => {
    provider.overrides = overrides;
    return (await browser.fetch("/api/x")).status;
  };

  it("a token refresh of the same tenant renews the claims", async () => {
    const browser = await loggedIn({ ...tenant(A), ...expired });
    expect(await refreshed(browser, tenant(A, { name: "Alice" }))).toBe(200);
    expect(await me(browser)).toMatchObject({ name: "Alice", tid: A });
  });

  it("a token refresh without an ID token keeps the session", async () => {
    const browser = await loggedIn({ ...tenant(A), ...expired });
    const token = (original: Claims) => ({ ...original, id_token: undefined });
    expect(await refreshed(browser, { metadata, token })).toBe(200);
  });

  it.each<[string, () => Overrides]>([
    ["another listed tenant", () => tenant(B)],
    ["a tenant that is not listed", () => tenant(UNLISTED)],
    ["another tenant in tid", () => tenant(A, { tid: B })],
    ["no tid", () => tenant(A, { tid: undefined })],
    ["another origin", () => tenant(A, { iss: `https://login.example.com/${A}/v2.0` })],
  ])("with an ID token of %s ends the session", async (_name, overrides) => {
    const browser = await loggedIn({ ...tenant(A), ...expired });
    expect(await refreshed(browser, overrides())).toBe(401);
    expect(await me(browser)).toBeNull();
  });

  it("a token refresh ends the session of a tenant that is no longer listed, without a token request", async () => {
    const first = await start({}, { redisUrl: redis.url });
    const { publicOrigin } = first.config;
    const restarted = await start({ OIDC_TENANTS: A }, { redisUrl: redis.url, publicOrigin });
    const browser = await loggedIn({ ...tenant(B), ...expired }, first);
    const before = provider.counts.token;
    browser.useInstance(restarted.origin);
    provider.overrides = tenant(B);
    // The clocks of the two instances differ by a few milliseconds.
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(401);
    expect(provider.counts.token).toBe(before);
  });
});

describe("a logout token", () => {
  const send = (claims: Claims) =>
    provider.logoutToken(claims).then((token) =>
      fetch(`${gateway.origin}/bff/backchannel-logout`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ logout_token: token }).toString(),
      }),
    );

  it("a logout token ends the session of its tenant, by sid and by sub", async () => {
    for (const name of ["sid", "sub"]) {
      const [sub, sid] = [crypto.randomUUID(), crypto.randomUUID()];
      const [ofA, ofB] = [await loggedIn(tenant(A, { sub, sid })), await loggedIn(tenant(B, { sub, sid }))];
      const claims = name === "sid" ? { sid } : { sub, sid: undefined };
      expect((await send({ iss: issuerOf(A), ...claims })).status).toBe(200);
      expect(await me(ofA)).toBeNull();
      expect(await me(ofB)).not.toBeNull();
      expect((await send({ iss: issuerOf(B), tid: B, ...claims })).status).toBe(200);
      expect(await me(ofB)).toBeNull();
    }
  });

  it.each<[string, () => Claims]>([
    ["of a tenant that is not listed", () => ({ iss: issuerOf(UNLISTED) })],
    ["of the template", () => ({ iss: issuerOf("{tenantid}") })],
    ["of OIDC_ISSUER", () => ({ iss: provider.issuer })],
    ["of another origin", () => ({ iss: `https://login.example.com/${A}/v2.0` })],
    ["of another tenant in tid", () => ({ iss: issuerOf(A), tid: B })],
    ["without iss", () => ({ iss: undefined })],
  ])("%s is rejected", async (_name, claims) => {
    const sid = crypto.randomUUID();
    const browser = await loggedIn(tenant(A, { sid }));
    expect((await send({ sid, ...claims() })).status).toBe(400);
    expect(await me(browser)).not.toBeNull();
  });
});

describe("iss of the authorization response", () => {
  const rows: [string, () => string | undefined, number][] = [
    ["OIDC_ISSUER", () => provider.issuer, 303],
    ["the template", () => issuerOf("{tenantid}"), 303],
    ["the user's tenant", () => issuerOf(A), 303],
    ["a tenant that is not listed", () => issuerOf(UNLISTED), 400],
    ["another origin", () => `https://login.example.com/${A}/v2.0`, 400],
    ["absent, although the provider announces it", () => undefined, 400],
  ];
  it.each(rows)("%s (RFC 9207)", async (_name, iss, expected) => {
    const authorizationResponse = (original: Claims) => ({ ...original, iss: iss() });
    expect((await login({ ...tenant(A), authorizationResponse })).status).toBe(expected);
  });

  it.each(rows)("%s (JARM)", async (_name, iss, expected) => {
    const at = await start({ OIDC_SIGNED_RESPONSE: "on" });
    const claims = (original: Claims) => ({ ...original, iss: iss() });
    expect((await login({ ...tenant(A), signedResponse: { claims } }, at)).status).toBe(expected);
  });
});

describe("a third-party-initiated login", () => {
  it.each<[string, () => string, number]>([
    ["OIDC_ISSUER", () => provider.issuer, 303],
    ["one tenant", () => issuerOf(A), 400],
    ["the template", () => issuerOf("{tenantid}"), 400],
  ])("with iss of %s", async (_name, iss, expected) => {
    const path = `/bff/login?${new URLSearchParams({ iss: iss() }).toString()}`;
    expect((await testBrowser(gateway.origin).navigate(path)).status).toBe(expected);
  });
});

describe("a signing key", () => {
  it.each<[string, () => unknown, string, number]>([
    ["of the template signs for every tenant", () => issuerOf("{tenantid}"), B, 303],
    ["of one tenant signs for that tenant", () => issuerOf(A), A, 303],
    ["of one tenant signs for no other tenant", () => issuerOf(A), B, 400],
    ["of another origin's template signs nothing", () => "https://login.example.com/{tenantid}/v2.0", A, 400],
    ["without an issuer signs for every tenant", () => undefined, A, 303],
  ])("%s", async (_name, issuer, id, expected) => {
    const at = await start({});
    const jwks: NonNullable<Overrides["jwks"]> = (keys) => keys.map((key) => ({ ...key, issuer: issuer() }));
    expect((await login({ ...tenant(id), jwks }, at)).status).toBe(expected);
  });
});
