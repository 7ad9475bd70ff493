// A provider that changes its mind between two calls: what it said first is kept where the second cannot be trusted, and no
// session and no refresh token is lost that need not be (I4, I5, I8).
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { breakSignature, startHostileProvider, without } from "@cloakroom/testkit/hostile-provider.ts";
import type { HostileProvider, Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { tempFile } from "./client-key-files.ts";

type Members = Record<string, unknown>;

const isLoggedIn = async (browser: TestBrowser): Promise<boolean> =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;
const claims = (change: Members): Overrides => ({ claims: (original) => ({ ...original, ...change }) });
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("a refresh response", () => {
  let provider: HostileProvider;
  let gateway: TestGateway;
  /** Logged in all the time, as another user. */
  let bystander: TestBrowser;
  beforeAll(async () => {
    provider = await startHostileProvider({
      userinfo: true,
      beside: (_request, response) => void response.end("{}"),
    });
    gateway = await startGateway({ ...provider, env: { UPSTREAMS: `/api=${provider.issuer}/up` } });
    bystander = await loggedIn("bob", 300);
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });
  afterEach(async () => {
    provider.overrides = {};
    expect((await bystander.fetch("/api/x")).status).toBe(200);
  });

  async function loggedIn(sub: string, expiresIn = 0): Promise<TestBrowser> {
    provider.overrides = {
      ...claims({ sub, name: "first", email: "a@e.test", roles: ["user"] }),
      token: (original) => ({ ...original, expires_in: expiresIn }),
    };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status, gateway.log.at(-1)).toBe(303);
    provider.overrides = {};
    return browser;
  }
  const spent = (): string | null => provider.lastTokenRequest().body.get("refresh_token");
  /** The response has this refresh token, in place of the spent one. */
  const withSuccessor = (overrides: Overrides): Overrides => ({
    ...overrides,
    token: (original) => ({ ...(overrides.token?.(original) ?? original), refresh_token: "the-successor" }),
  });
  const token = (change: Members): Overrides => ({ token: (original) => ({ ...original, ...change }) });

  it.each<[string, () => Overrides, RegExp]>([
    ["another token_type", () => token({ token_type: "DPoP" }), /token_type|DPoP/],
    ["no token_type", () => ({ token: without("token_type") }), /token_type/],
    ["no access token", () => ({ token: without("access_token") }), /access_token/],
    ["an access token that is null", () => token({ access_token: null }), /access_token/],
    ["an access token that is a number", () => token({ access_token: 1 }), /access_token/],
    [
      "an ID token with another algorithm",
      () => ({ header: (original) => ({ ...original, alg: "ES256", kid: provider.es256.kid }) }),
      /signed with ES256, and OIDC_ID_TOKEN_ALG is RS256/,
    ],
    [
      "an ID token without a signature",
      () => ({ idToken: (jwt) => `${encoded({ alg: "none" })}.${jwt.split(".")[1]}.` }),
      /none/,
    ],
    ["an ID token that is a word", () => ({ idToken: () => "none" }), /no JWT/],
    ["an ID token without claims", () => ({ idToken: (jwt) => jwt.split(".")[0]! }), /no JWT/],
    [
      "an ID token whose claims are a list",
      () => ({ idToken: (jwt) => `${jwt.split(".")[0]}.${encoded([])}.x` }),
      /no JWT/,
    ],
  ])(
    "a refresh response with %s: 503, the session stays, and its new refresh token is used next",
    async (_name, overrides, reason) => {
      const browser = await loggedIn("alice");
      provider.overrides = withSuccessor(overrides());
      const response = await browser.fetch("/api/x");
      expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await isLoggedIn(browser)).toBe(true);
      expect(gateway.log.filter((line) => line.includes("unusable tokens")).at(-1)).toMatch(reason);
      provider.overrides = {};
      expect((await browser.fetch("/api/x")).status).toBe(200);
      expect(spent()).toBe("the-successor");
    },
  );

  it.each<[string, () => Overrides]>([
    ["another user (sub)", () => claims({ sub: "mallory" })],
    ["another issuer (iss)", () => claims({ iss: "https://evil.example" })],
    ["another client (aud)", () => claims({ aud: "another" })],
    ["another client beside ours (aud)", () => claims({ aud: ["cloakroom-test", "another"], azp: "cloakroom-test" })],
    ["another party (azp)", () => claims({ azp: "another" })],
    ["a foreign key", () => ({ foreignKey: true })],
    ["a broken signature", () => ({ idToken: breakSignature })],
  ])("a refresh response for %s ends its session alone, and its tokens are not used", async (_name, overrides) => {
    const browser = await loggedIn("alice");
    const other = await loggedIn("alice", 300);
    provider.overrides = overrides();
    const response = await browser.fetch("/api/x");
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ reason: "refresh_rejected", loginUrl: "/bff/login" });
    expect(await isLoggedIn(browser)).toBe(false);
    provider.overrides = {};
    expect((await other.fetch("/api/x")).status).toBe(200);
    expect((await browser.login()).status).toBe(303);
  });

  it.each<[string, () => Overrides]>([
    ["a lifetime of 0", () => token({ expires_in: 0 })],
    ["a negative lifetime", () => token({ expires_in: -1 })],
    ["no lifetime", () => ({ token: without("expires_in") })],
    ["no refresh token", () => ({ token: without("refresh_token") })],
    ["no ID token", () => ({ token: without("id_token") })],
    ["another scope", () => token({ scope: "openid" })],
    ["another nonce, sid and acr", () => claims({ nonce: "x", sid: "another", acr: "0" })],
    ["userinfo of another user", () => ({ userinfo: () => ({ sub: "mallory", name: "Mallory" }) })],
    ["userinfo that is an outage", () => ({ userinfo: (_h, _r, response) => void response.writeHead(503).end() })],
  ])("a refresh response with %s is used, and the next requests send no other one", async (_name, overrides) => {
    const browser = await loggedIn("alice");
    provider.overrides = overrides();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    const before = provider.counts.token;
    for (let n = 0; n < 4; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.counts.token - before).toBe(0);
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: Members };
    expect(user["sub"]).toBe("alice");
    expect(user["name"]).not.toBe("Mallory");
  });

  it("a refresh response with an ID token whose key is no longer published is used, and keeps the session", async () => {
    const browser = await loggedIn("alice");
    provider.overrides = { jwks: () => [], header: (original) => ({ ...original, kid: "a-new-key" }) };
    const before = provider.counts.token;
    // The key set is fetched at most every 5 s, longer than a request waits.
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000 }).toBe(200);
    expect(provider.counts.token - before).toBe(1);
    expect(await isLoggedIn(browser)).toBe(true);
  }, 30_000);
});

describe("the discovery document that is read again", () => {
  const authority = testAuthority();
  let provider: HostileProvider;
  let gateway: TestGateway;
  let passedMs = 0;
  const realNow = performance.now.bind(performance);
  beforeAll(async () => {
    provider = await startHostileProvider({ tls: authority.issue("127.0.0.1") });
    gateway = await startGateway({ ...provider, env: { OIDC_CA_FILE: tempFile(authority.cert) } });
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await gateway.stop();
    await provider.stop();
  });
  const anHourLater = (): void => {
    passedMs += 3_600_000;
    vi.spyOn(performance, "now").mockImplementation(() => realNow() + passedMs);
  };
  /** The provider's own endpoints are TLS only, so the browser's step needs no request. */
  const start = async (): Promise<string> => {
    const response = await testBrowser(gateway.origin).navigate("/bff/login");
    expect(response.status, gateway.log.at(-1)).toBe(303);
    return response.headers.get("location") ?? "";
  };

  it.each<[string, Members, RegExp]>([
    ["another issuer", { issuer: "https://evil.example" }, /not what the provider calls itself/],
    ["its issuer with a slash", { issuer: "/" }, /not what the provider calls itself/],
    ["no issuer", { issuer: undefined }, /has no issuer/],
    [
      "a plain http token_endpoint",
      { token_endpoint: "http://127.0.0.1:1/token" },
      /whose token_endpoint is missing, or is not a URL with https/,
    ],
    [
      "a plain http authorization_endpoint",
      { authorization_endpoint: "http://evil.example/" },
      /authorization_endpoint is missing, or is not a URL with https/,
    ],
    [
      "a plain http jwks_uri",
      { jwks_uri: "http://evil.example/jwks" },
      /jwks_uri is missing, or is not a URL with https/,
    ],
    ["no jwks_uri", { jwks_uri: undefined }, /publishes no keys/],
    [
      "a token_endpoint with credentials",
      { token_endpoint: "https://user:password@evil.example/" },
      /token_endpoint is missing/,
    ],
    [
      "a script as authorization_endpoint",
      { authorization_endpoint: "javascript:alert(1)" },
      /authorization_endpoint is missing/,
    ],
  ])(
    "a discovery document with %s: the previous one is used and readiness says so, until it is corrected",
    async (_name, change, detail) => {
      provider.overrides.metadata = (original) => ({
        ...original,
        ...change,
        ...(change["issuer"] === "/" ? { issuer: `${provider.issuer}/` } : {}),
      });
      anHourLater();
      expect(await start()).toContain(`${provider.issuer}/authorize`);
      await expect
        .poll(() => gateway.readiness("provider"))
        .toMatchObject({ status: "degraded", detail: expect.stringMatching(detail) });
      expect(await start()).toContain(`${provider.issuer}/authorize`);
      provider.overrides = {};
      anHourLater();
      await start();
      await expect.poll(() => gateway.readiness("provider")).toEqual({ status: "ok" });
    },
  );

  it.each<[string, Members]>([
    ["other algorithms", { id_token_signing_alg_values_supported: ["none", "HS256"] }],
    [
      "plain http in an optional endpoint",
      { revocation_endpoint: "http://evil.example/", userinfo_endpoint: "http://x/" },
    ],
    ["optional members of other types", { end_session_endpoint: [], pushed_authorization_request_endpoint: {} }],
  ])("a discovery document with %s: logins continue, and no request goes there", async (_name, change) => {
    provider.overrides.metadata = (original) => ({ ...original, ...change });
    anHourLater();
    await start();
    await expect.poll(() => start()).toContain(`${provider.issuer}/authorize`);
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
    provider.overrides = {};
  });
});
