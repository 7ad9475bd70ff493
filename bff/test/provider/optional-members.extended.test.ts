// Members that a specification calls OPTIONAL or RECOMMENDED, removed in turn, and given as null or another type where
// that is harmless: login, API request, refresh and logout work. Members that a login needs are named in /readyz.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  startHostileProvider,
  without,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";

type Members = Record<string, unknown>;

let provider: HostileProvider;
const gateways: TestGateway[] = [];
const pushed = { request_uri: "urn:ietf:params:oauth:request_uri:x", expires_in: 60 };
let pushResponse: Members = pushed;
let sendRevoked: { status: number; body: string } = { status: 200, body: "" };
let requestedQuery = new URLSearchParams();

beforeAll(async () => {
  provider = await startHostileProvider({
    beside(request, response) {
      const { pathname } = new URL(request.url ?? "", "http://x");
      if (pathname === "/revoke") return void response.writeHead(sendRevoked.status).end(sendRevoked.body);
      if (pathname !== "/par") return void response.end("{}");
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        requestedQuery = new URLSearchParams(Buffer.concat(chunks).toString());
        response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(pushResponse));
      });
    },
  });
});
afterAll(() => provider.stop());
afterEach(async () => {
  provider.overrides = {};
  pushResponse = pushed;
  sendRevoked = { status: 200, body: "" };
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

async function start(overrides: Overrides = {}, env: Record<string, string> = {}): Promise<TestGateway> {
  provider.overrides = overrides;
  const gateway = await startGateway({ ...provider, env: { UPSTREAMS: `/api=${provider.issuer}/up`, ...env } });
  gateways.push(gateway);
  return gateway;
}
/** The browser at a provider to which the authorization request was pushed. */
function browserOf(gateway: TestGateway): TestBrowser {
  return testBrowser(gateway.origin, async (url) => {
    const target = new URL(url);
    if (target.searchParams.has("request_uri")) target.search = requestedQuery.toString();
    const response = await fetch(target, { redirect: "manual" });
    return response.headers.get("location") ?? "";
  });
}
const isLoggedIn = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;

/** Login, two API requests of which the first is preceded by a refresh, and logout. */
async function expectEverythingWorks(gateway: TestGateway, overrides: Overrides = {}): Promise<void> {
  const token = (original: Members) => ({ ...(overrides.token?.(original) ?? original), expires_in: 0 });
  const browser = browserOf(gateway);
  provider.overrides = { ...overrides, token };
  expect((await browser.login()).status, gateway.log.join("")).toBe(303);
  provider.overrides = overrides;
  for (let n = 0; n < 2; n++) expect((await browser.fetch("/api/x")).status, gateway.log.join("")).toBe(200);
  const logout = await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
  expect([logout.status, await isLoggedIn(browser)]).toEqual([200, false]);
}

/** Removes the member, sets it to null, and gives it another type. */
const variantsOf = (name: string, others: readonly unknown[] = [null, 1]) =>
  [
    ["removed", without(name)] as const,
    ...others.map((value) => [JSON.stringify(value), (original: Members) => ({ ...original, [name]: value })] as const),
  ] satisfies (readonly [string, (original: Members) => Members])[];

describe("discovery", () => {
  const full = (original: Members): Members => ({
    ...original,
    userinfo_endpoint: `${provider.issuer}/userinfo`,
    end_session_endpoint: `${provider.issuer}/logout`,
    revocation_endpoint: `${provider.issuer}/revoke`,
    introspection_endpoint: `${provider.issuer}/introspect`,
    registration_endpoint: `${provider.issuer}/register`,
    device_authorization_endpoint: `${provider.issuer}/device`,
    backchannel_authentication_endpoint: `${provider.issuer}/ciba`,
    check_session_iframe: `${provider.issuer}/iframe`,
    pushed_authorization_request_endpoint: `${provider.issuer}/par`,
    require_pushed_authorization_requests: false,
    scopes_supported: ["openid", "profile", "email"],
    response_modes_supported: ["query", "fragment"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    acr_values_supported: ["1"],
    token_endpoint_auth_methods_supported: ["client_secret_basic"],
    token_endpoint_auth_signing_alg_values_supported: ["RS256"],
    revocation_endpoint_auth_methods_supported: ["client_secret_basic"],
    introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
    id_token_encryption_alg_values_supported: ["RSA-OAEP"],
    userinfo_signing_alg_values_supported: ["none"],
    request_object_signing_alg_values_supported: ["none"],
    authorization_signing_alg_values_supported: ["RS256"],
    dpop_signing_alg_values_supported: ["ES256"],
    code_challenge_methods_supported: ["S256"],
    display_values_supported: ["page"],
    prompt_values_supported: ["none", "login"],
    claim_types_supported: ["normal"],
    claims_supported: ["sub", "iss"],
    claims_locales_supported: ["en"],
    ui_locales_supported: ["en"],
    service_documentation: "https://provider.test/docs",
    op_policy_uri: "https://provider.test/policy",
    op_tos_uri: "https://provider.test/terms",
    claims_parameter_supported: true,
    request_parameter_supported: true,
    request_uri_parameter_supported: true,
    require_request_uri_registration: false,
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: { token_endpoint: `${provider.issuer}/mtls-token` },
    signed_metadata: "x.y.z",
  });
  // Called before the provider has started: only the names are read.
  provider = { issuer: "http://127.0.0.1:1" } as HostileProvider;
  const REQUIRED_BY_DISCOVERY_ONLY = [
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
  ];
  const names = [...Object.keys(full({})), ...REQUIRED_BY_DISCOVERY_ONLY];

  it("a discovery document with all members of the registry: login, refresh and logout work", async () => {
    await expectEverythingWorks(await start({ metadata: full }), { metadata: full });
  });

  it.each(names)(
    "a discovery document with %s removed, null or of another type: login, refresh and logout work",
    async (name) => {
      for (const [variant, change] of variantsOf(name, [null, 1, "x", []])) {
        const metadata = (original: Members) => change(full(original));
        const gateway = await start({ metadata });
        await expectEverythingWorks(gateway, { metadata }).catch((error: unknown) => {
          throw new Error(`${name} ${variant}`, { cause: error });
        });
        await gateways.pop()?.stop();
      }
    },
  );

  it("a discovery document with the members that a login needs and no others: login, refresh and logout work", async () => {
    const needed = ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"];
    const metadata = (original: Members) => Object.fromEntries(needed.map((name) => [name, original[name]]));
    await expectEverythingWorks(await start({ metadata }), { metadata });
  });

  it.each(["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"])(
    "a discovery document with %s removed, null or of another type: /readyz names it in one sentence, and a login is 503",
    async (name) => {
      for (const [, metadata] of variantsOf(name)) {
        const gateway = await start({ metadata });
        const { status, detail = "" } = await gateway.readiness("provider");
        expect(status).toBe("failed");
        expect(detail).toMatch(new RegExp(`^OIDC_ISSUER names [^.]*\\b${name}\\b[^.]*\\. [^.]+$`));
        expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(503);
      }
    },
  );
});

describe("the parameter iss of authorization responses (RFC 9207)", () => {
  const noIss: Overrides = { authorizationResponse: without("iss") };
  const wrongIss: Overrides = {
    authorizationResponse: (original) => ({ ...original, iss: `${String(original["iss"])}1` }),
  };
  const emptyIss: Overrides = { authorizationResponse: (original) => ({ ...original, iss: "" }) };
  const announced = (value: unknown): Overrides["metadata"] =>
    value === undefined
      ? without("authorization_response_iss_parameter_supported")
      : (original) => ({ ...original, authorization_response_iss_parameter_supported: value });

  it.each<[string | undefined, unknown, boolean]>([
    [undefined, true, true],
    [undefined, undefined, false],
    [undefined, false, false],
    [undefined, null, false],
    [undefined, "true", false],
    ["auto", true, true],
    ["auto", false, false],
    ["required", true, true],
    ["required", false, true],
    ["required", undefined, true],
    ["optional", true, false],
    ["optional", undefined, false],
  ])("OIDC_RESPONSE_ISS=%s, announced: %s: required: %s, and compared if present", async (setting, value, required) => {
    const metadata = announced(value)!;
    const gateway = await start({ metadata }, setting === undefined ? {} : { OIDC_RESPONSE_ISS: setting });
    const statusOf = async (overrides: Overrides): Promise<number> => {
      provider.overrides = { metadata, ...overrides };
      return (await testBrowser(gateway.origin).login()).status;
    };
    expect(await statusOf({})).toBe(303);
    expect(await statusOf(noIss)).toBe(required ? 400 : 303);
    // oidcc-client-test-fapi2 invalid-authorization-response-iss
    expect(await statusOf(wrongIss)).toBe(400);
    expect(await statusOf(emptyIss)).toBe(400);
  });

  it("an error response without iss is handled like any other if iss is not announced", async () => {
    const metadata = announced(undefined)!;
    const gateway = await start();
    provider.overrides = {
      metadata,
      authorizationResponse: (original) => ({ state: original["state"], error: "access_denied" }),
    };
    await testBrowser(gateway.origin).login();
    expect(gateway.events("login_failed").at(-1)?.["reason"]).toContain("access_denied");
  });
});

describe("authorization response", () => {
  it.each<[string, Members]>([
    ["session_state (OIDC Session Management)", { session_state: "abc.def" }],
    ["scope", { scope: "openid" }],
    ["an unknown parameter", { client_info: "x" }],
  ])("an authorization response with the additional parameter %s: the login succeeds", async (_name, added) => {
    const gateway = await start({ authorizationResponse: (original) => ({ ...original, ...added }) });
    expect((await testBrowser(gateway.origin).login()).status).toBe(303);
  });
});

describe("token response", () => {
  const full = (original: Members): Members => ({
    ...original,
    scope: "openid profile email",
    refresh_expires_in: 1_800,
    not_before_policy: 0,
    session_state: "abc",
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    authorization_details: [{ type: "x" }],
    unknown: { nested: [1] },
  });
  const cases = ["scope", "expires_in", "refresh_expires_in", "session_state", "issued_token_type", "unknown"];

  it.each(cases)(
    "a token response with %s removed, null or of another type at login and refresh: everything works",
    async (name) => {
      const gateway = await start();
      for (const [, change] of variantsOf(name, [null, 1, {}, [], true, "soon"]))
        await expectEverythingWorks(gateway, { token: (original) => change(full(original)) });
    },
  );

  it.each([
    ["removed", without("refresh_token")],
    ["null", (original: Members) => ({ ...original, refresh_token: null })],
    ["empty", (original: Members) => ({ ...original, refresh_token: "" })],
  ])("refresh_token %s at login: the session is usable", async (_variant, token) => {
    const gateway = await start({ token });
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it.each([
    ["refresh_token", "removed", without("refresh_token")],
    ["refresh_token", "null", (original: Members) => ({ ...original, refresh_token: null })],
    ["refresh_token", "empty", (original: Members) => ({ ...original, refresh_token: "" })],
    ["id_token", "removed", without("id_token")],
    ["id_token", "null", (original: Members) => ({ ...original, id_token: null })],
    ["id_token", "empty", (original: Members) => ({ ...original, id_token: "" })],
  ])("a refresh response with %s %s keeps the old one", async (name, _variant, token) => {
    const gateway = await start({ token: (original) => ({ ...original, expires_in: 0, refresh_token: "the-first" }) });
    const browser = testBrowser(gateway.origin);
    await browser.login();
    provider.overrides = { token: (original) => token({ ...original, expires_in: 1 }) };
    expect((await browser.fetch("/api/x")).status).toBe(200);
    provider.overrides = {};
    await expect
      .poll(
        async () => {
          expect((await browser.fetch("/api/x")).status).toBe(200);
          return provider.counts.token;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(2);
    if (name === "refresh_token") expect(provider.lastTokenRequest().body.get("refresh_token")).toBe("the-first");
  });
});

describe("scope of a token response", () => {
  it.each<[string, unknown, number]>([
    ["absent: as requested", undefined, 200],
    ["null: as requested", null, 200],
    ["of another type: as requested", 1, 200],
    ["a list with the scope", ["openid", "profile", "email"], 200],
    ["a list without the scope", ["openid"], 403],
    ["less than requested", "openid", 403],
    ["empty", "", 403],
  ])("the scope of a token response is used: %s: %s", async (_name, scope, status) => {
    const rows = JSON.stringify([{ prefix: "/api", baseUrl: `${provider.issuer}/up`, requiredScopes: ["email"] }]);
    const gateway = await start({}, { UPSTREAMS: "", UPSTREAMS_FILE: await rowsFile(rows) });
    provider.overrides = { token: (original) => ({ ...original, scope, expires_in: 0 }) };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    // The refresh response has no scope: as before (RFC 6749 §5.1).
    provider.overrides = {};
    for (let n = 0; n < 2; n++) expect((await browser.fetch("/api/x")).status).toBe(status);
  });
});

describe("lifetime of an access token without expires_in", () => {
  const jwt = (claims: unknown) =>
    ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");
  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

  it.each<[string, (() => string) | undefined, number]>([
    ["an opaque token: OIDC_ACCESS_TOKEN_SECONDS", undefined, 1_200],
    ["exp of the token", () => jwt({ exp: inSeconds(900) }), 900],
    ["exp of the token, with fractions", () => jwt({ exp: inSeconds(900) + 0.5 }), 900],
    ["an exp in the past: OIDC_ACCESS_TOKEN_SECONDS", () => jwt({ exp: inSeconds(-900) }), 1_200],
    ["exp 0: OIDC_ACCESS_TOKEN_SECONDS", () => jwt({ exp: 0 }), 1_200],
    ["exp null: OIDC_ACCESS_TOKEN_SECONDS", () => jwt({ exp: null }), 1_200],
    ["exp as a string: OIDC_ACCESS_TOKEN_SECONDS", () => jwt({ exp: String(inSeconds(900)) }), 1_200],
    ["no exp: OIDC_ACCESS_TOKEN_SECONDS", () => jwt({ sub: "alice" }), 1_200],
    ["a payload of null: OIDC_ACCESS_TOKEN_SECONDS", () => jwt(null), 1_200],
    ["three parts that are no JWT: OIDC_ACCESS_TOKEN_SECONDS", () => "a.b.c", 1_200],
  ])("without a refresh token: the session ends with %s", async (_name, accessToken, seconds) => {
    const gateway = await start(
      { token: without("expires_in", "refresh_token"), ...accessTokenLie(accessToken) },
      { OIDC_ACCESS_TOKEN_SECONDS: "1200" },
    );
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status, gateway.log.join("")).toBe(303);
    expect(Math.abs((await secondsLeft(browser)) - seconds)).toBeLessThan(5);
    expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it.each<[string, unknown, number]>([
    ["0", 0, 1_200],
    ['"0"', "0", 1_200],
    ["-1", -1, 1_200],
    ['"soon"', "soon", 1_200],
    ["true", true, 1_200],
    ["120", 120, 120],
    ['"120"', "120", 120],
  ])(
    "expires_in %s without a refresh token: the session does not end after an assumed minute",
    async (_n, value, s) => {
      const gateway = await start({}, { OIDC_ACCESS_TOKEN_SECONDS: "1200" });
      provider.overrides = { token: (original) => ({ ...without("refresh_token")(original), expires_in: value }) };
      const browser = testBrowser(gateway.origin);
      await browser.login();
      expect(Math.abs((await secondsLeft(browser)) - s)).toBeLessThan(5);
    },
  );

  it("an exp in a thousand years is bounded, and the session is stored", async () => {
    const gateway = await start();
    provider.overrides = {
      token: (original) => ({ ...without("expires_in")(original), access_token: jwt({ exp: 1e300 }) }),
      claims: without("at_hash"),
    };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    const before = provider.counts.token;
    for (let n = 0; n < 3; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.counts.token).toBe(before);
  });

  it("exp of the token decides when it is refreshed", async () => {
    const gateway = await start();
    provider.overrides = {
      token: (original) => ({ ...without("expires_in")(original), access_token: jwt({ exp: inSeconds(3) }) }),
      claims: without("at_hash"),
    };
    const browser = testBrowser(gateway.origin);
    await browser.login();
    const before = provider.counts.token;
    await expect
      .poll(async () => ((await browser.fetch("/api/x")).status === 200 ? provider.counts.token : -1), {
        timeout: 8_000,
      })
      .toBeGreaterThan(before);
  });

  function accessTokenLie(accessToken: (() => string) | undefined): Overrides {
    if (accessToken === undefined) return {};
    return {
      token: (original) => ({ ...without("expires_in", "refresh_token")(original), access_token: accessToken() }),
      claims: without("at_hash"),
    };
  }
  async function secondsLeft(browser: TestBrowser): Promise<number> {
    const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: Record<string, string> };
    return (Date.parse(session["idleExpiresAt"] ?? "") - Date.now()) / 1000;
  }
});

describe("ID token", () => {
  it.each(["at_hash", "auth_time", "acr", "amr", "azp", "sid", "nbf", "jti", "name", "email"])(
    "an ID token with %s removed: login and refresh work",
    async (name) => {
      const gateway = await start();
      await expectEverythingWorks(gateway, { claims: without(name) });
    },
  );

  it.each<[string, unknown]>([
    ...["acr", "amr", "sid", "name", "email", "roles", "session_state"].flatMap((name): [string, unknown][] =>
      [null, 1, {}, [null]].map((value): [string, unknown] => [name, value]),
    ),
  ])("%s as %j: login and refresh work", async (name, value) => {
    const gateway = await start();
    await expectEverythingWorks(gateway, { claims: (original) => ({ ...original, [name]: value }) });
  });
});

describe("logout token", () => {
  it.each<[string, Members]>([
    ["sid", { sid: undefined, sub: "alice" }],
    ["sub", {}],
    ["ignored_claim", { ignored_claim: undefined }],
  ])("a logout token without %s ends the session", async (_name, claims) => {
    const gateway = await start();
    const browser = testBrowser(gateway.origin);
    await browser.login();
    const body = new URLSearchParams({ logout_token: await provider.logoutToken(claims) }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await fetch(`${gateway.origin}/bff/backchannel-logout`, { method: "POST", headers, body });
    expect(response.status).toBe(200);
    expect(await isLoggedIn(browser)).toBe(false);
  });
});

describe("pushed authorization response (RFC 9126)", () => {
  const metadata = (original: Members) => ({
    ...original,
    pushed_authorization_request_endpoint: `${provider.issuer}/par`,
  });

  it.each<[string, Members]>([
    ["an unknown member", { ...pushed, unknown: null }],
    ["expires_in as a string", { ...pushed, expires_in: "60" }],
    ["expires_in 0", { ...pushed, expires_in: 0 }],
  ])("a pushed authorization response with %s: the login succeeds", async (_name, response) => {
    pushResponse = response;
    await expectEverythingWorks(await start({ metadata }), { metadata });
  });
});

describe("revocation response (RFC 7009 §2.2)", () => {
  it.each([
    [200, ""],
    [200, "<html></html>"],
    [204, ""],
    [400, ""],
    [503, ""],
  ])("a revocation response %i %s: the logout works", async (status, body) => {
    sendRevoked = { status, body };
    const metadata = (original: Members) => ({ ...original, revocation_endpoint: `${provider.issuer}/revoke` });
    await expectEverythingWorks(await start({ metadata }), { metadata });
  });
});

async function rowsFile(rows: string): Promise<string> {
  const { mkdtemp, writeFile } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const file = join(await mkdtemp(join(tmpdir(), "cloakroom-")), "upstreams.json");
  await writeFile(file, rows);
  return file;
}
