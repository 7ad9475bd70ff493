// OIDC_PROFILE=fapi2: the modules of the OpenID conformance suite's plan fapi2-security-profile-final-client-test-plan, for
// each client authentication and each way of binding tokens. Module openbanking-intent-id does not apply.
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import {
  breakSignature,
  unsigned,
  without,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";
import type { TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  checkClientAuthentication,
  fingerprint,
  MODES,
  startFapiSystem,
  throughProvider,
  type FapiSystem,
} from "./fapi-system.ts";

const PREFIX = "fapi2-security-profile-final-client-test-";
const now = () => Math.floor(Date.now() / 1000);
describe.each(MODES)("%s", (_mode, mode) => {
  let system: FapiSystem;
  let provider: HostileProvider;
  let gateway: TestGateway;
  const override = (overrides: Partial<Overrides> = {}): void => system.override(overrides);
  const start = (): Promise<TestGateway> => system.start();
  const tokenType = mode.binding === "dpop" ? "DPoP" : "Bearer";

  beforeAll(async () => {
    system = await startFapiSystem(mode);
    provider = system.provider;
    gateway = await system.start();
  });
  beforeEach(() => system.reset());
  afterAll(async () => {
    await gateway.stop();
    await system.stop();
  });

  async function outcome(overrides: Partial<Overrides>) {
    override(overrides);
    const before = provider.counts.token;
    const browser = testBrowser(gateway.origin, throughProvider);
    const { status } = await browser.login();
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: unknown };
    return { status, loggedIn: user !== null, tokenRequests: provider.counts.token - before };
  }

  async function loggedIn(): Promise<TestBrowser> {
    const browser = testBrowser(gateway.origin, throughProvider);
    expect((await browser.login()).status, gateway.log.join("\n")).toBe(303);
    return browser;
  }

  const checkRequests = () => checkClientAuthentication(system, gateway);

  async function checkProof(proof: string | undefined, method: string, url: string) {
    const { payload } = await jwtVerify(proof ?? "", EmbeddedJWK, {
      typ: "dpop+jwt",
      algorithms: ["PS256", "ES256", "EdDSA"],
      requiredClaims: ["jti", "iat"],
    });
    expect(payload).toMatchObject({ htm: method, htu: url });
    return payload;
  }

  it(`${PREFIX}happy-path`, async () => {
    const browser = await loggedIn();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.posts.map(({ path }) => path)).toEqual(["/pushed", "/token"]);
    await checkRequests();
    const [pushed, token] = provider.posts.map(({ body }) => body);
    expect(pushed!.get("code_challenge_method")).toBe("S256");
    expect(pushed!.get("redirect_uri")).toBe(token!.get("redirect_uri"));
    expect([...provider.requests.front.at(-1)!.keys()].sort()).toEqual(["client_id", "request_uri"]);
    expect(system.received.at(-1)!.authorization).toMatch(new RegExp(`^${tokenType} `));
    if (mode.binding === "mtls") {
      expect(provider.posts.map(({ certificate }) => certificate)).toEqual([fingerprint, fingerprint]);
      expect(system.received.at(-1)!.certificate).toBe(fingerprint);
    } else {
      const proof = provider.posts[1]!.headers["dpop"] as string;
      await checkProof(proof, "POST", `${provider.issuer}/token`);
      expect((await checkProof(system.received.at(-1)!.dpop, "GET", `${system.apiUrl}/x`))["ath"]).toEqual(
        expect.any(String),
      );
      expect(pushed!.get("dpop_jkt")).toBe(await calculateJwkThumbprint(decodeProtectedHeader(proof).jwk!));
    }
  });

  it(`${PREFIX}happy-path-no-dpop-nonce`, async () => {
    expect(await outcome({})).toEqual({ status: 303, loggedIn: true, tokenRequests: 1 });
    if (mode.binding === "dpop")
      expect(decodeJwt(provider.posts.at(-1)!.headers["dpop"] as string)["nonce"]).toBeUndefined();
  });

  it.each<[string, Partial<Overrides>]>([
    ["valid-aud-as-array", { claims: (claims) => ({ ...claims, aud: [claims["aud"]] }) }],
    ["token-endpoint-response-without-expires_in", { token: without("expires_in") }],
    [
      "token-type-case-insensitivity",
      {
        token: (token) => ({
          ...token,
          token_type: (token["token_type"] as string).replace(/./g, (char) =>
            char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase(),
          ),
        }),
      },
    ],
  ])(`${PREFIX}%s is accepted`, async (_name, overrides) => {
    expect(await outcome(overrides)).toMatchObject({ status: 303, loggedIn: true });
  });

  it.each<[string, Partial<Overrides>]>([
    ["invalid-iss", { claims: (claims) => ({ ...claims, iss: `${claims["iss"] as string}1` }) }],
    ["invalid-aud", { claims: (claims) => ({ ...claims, aud: `${claims["aud"] as string}1` }) }],
    [
      "invalid-secondary-aud",
      { claims: (claims) => ({ ...claims, aud: [claims["aud"], `${claims["aud"] as string}1`] }) },
    ],
    ["invalid-null-alg", { idToken: unsigned("none") }],
    ["invalid-alternate-alg", { header: () => ({ alg: "RS256", kid: "rs256" }) }],
    ["invalid-expired-exp", { claims: (claims) => ({ ...claims, exp: now() - 360 }) }],
    ["invalid-missing-exp", { claims: without("exp") }],
    ["invalid-missing-aud", { claims: without("aud") }],
    ["invalid-missing-iss", { claims: without("iss") }],
    ["invalid-nonce", { claims: (claims) => ({ ...claims, nonce: `${claims["nonce"] as string}1` }) }],
    ["invalid-missing-nonce", { claims: without("nonce") }],
    ["invalid-signature", { idToken: breakSignature }],
  ])(`${PREFIX}%s is rejected`, async (_name, overrides) => {
    expect(await outcome(overrides)).toEqual({ status: 400, loggedIn: false, tokenRequests: 1 });
  });

  it.each<[string, Partial<Overrides>]>([
    [
      "invalid-authorization-response-iss",
      { authorizationResponse: (original) => ({ ...original, iss: `${original["iss"] as string}1` }) },
    ],
    ["remove-authorization-response-iss", { authorizationResponse: without("iss") }],
    [
      "ensure-authorization-response-with-invalid-state-fails",
      { authorizationResponse: (original) => ({ ...original, state: `${original["state"] as string}1` }) },
    ],
    ["ensure-authorization-response-with-invalid-missing-state-fails", { authorizationResponse: without("state") }],
  ])(`${PREFIX}%s is rejected without a token request`, async (_name, overrides) => {
    expect(await outcome(overrides)).toEqual({ status: 400, loggedIn: false, tokenRequests: 0 });
  });

  it(`${PREFIX}discovery-issuer-mismatch is rejected before any request`, async () => {
    const metadata = system.metadata;
    override({ metadata: (original) => ({ ...metadata(original), issuer: `${provider.issuer}INVALID` }) });
    const misled = await start();
    const before = provider.counts.authorize;
    expect((await testBrowser(misled.origin).navigate("/bff/login")).status).toBe(503);
    expect([provider.posts.length, provider.counts.authorize - before]).toEqual([0, 0]);
    await misled.stop();
  });

  it("fapi2-security-profile-final-client-refresh-token-test: an API that rejects the token until two refreshes is reached", async () => {
    const browser = await loggedIn();
    const refreshed = () => provider.posts.filter(({ body }) => body.get("grant_type") === "refresh_token").length;
    system.respond = (response) => {
      if (refreshed() >= 2) return false;
      response.writeHead(401, { "www-authenticate": `${tokenType} error="invalid_token"` }).end();
      return true;
    };
    expect((await browser.fetch("/api/x")).status).toBe(401);
    expect(refreshed()).toBe(1);
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(refreshed()).toBe(2);
    expect(new Set(system.received.map(({ authorization }) => authorization)).size).toBe(3);
    await checkRequests();
  });

  it("an expired token is refreshed with the same client authentication", async () => {
    override({ token: (token) => ({ ...token, expires_in: 1 }) });
    const browser = await loggedIn();
    const tokens = () => provider.posts.filter(({ path }) => path === "/token");
    await expect
      .poll(async () => ((await browser.fetch("/api/x")).status === 200 ? tokens().length : 0), { timeout: 15_000 })
      .toBeGreaterThan(1);
    expect(tokens().at(-1)!.body.get("grant_type")).toBe("refresh_token");
    await checkRequests();
  }, 20_000);

  it("a bearer token without a binding is rejected", async () => {
    if (mode.binding !== "dpop") return;
    expect(await outcome({ token: (token) => ({ ...token, token_type: "Bearer" }) })).toMatchObject({
      status: 400,
      loggedIn: false,
    });
  });

  describe.runIf(mode.binding === "dpop")("DPoP", () => {
    it(`${PREFIX}rs-dpop-auth-scheme-case-insensitivity: a nonce is used whatever the case of the scheme`, async () => {
      const browser = await loggedIn();
      let isFirst = true;
      system.respond = (response) => {
        if (!isFirst) return false;
        isFirst = false;
        response.writeHead(401, { "www-authenticate": 'dPOP error="use_dpop_nonce"', "dpop-nonce": "n-1" }).end();
        return true;
      };
      expect((await browser.fetch("/api/x")).status).toBe(200);
      expect(decodeJwt(system.received.at(-1)!.dpop!)["nonce"]).toBe("n-1");
    });

    it("a token request that demands a nonce is repeated with it", async () => {
      const demand: Overrides["tokenResponse"] = (response, { dpop }) => {
        if (decodeJwt(dpop ?? "")["nonce"] === "n-2") return false;
        response.writeHead(400, { "content-type": "application/json", "dpop-nonce": "n-2" });
        response.end(JSON.stringify({ error: "use_dpop_nonce" }));
        return true;
      };
      expect(await outcome({ tokenResponse: demand })).toMatchObject({ status: 303, loggedIn: true });
    });
  });

  it.each([
    "pushed_authorization_request_endpoint",
    "authorization_response_iss_parameter_supported",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "id_token_signing_alg_values_supported",
    mode.binding === "dpop" ? "dpop_signing_alg_values_supported" : "tls_client_certificate_bound_access_tokens",
  ])("metadata without %s: readiness has one sentence, and no request is sent", async (name) => {
    const metadata = system.metadata;
    override({ metadata: (original) => without(name)(metadata(original)) });
    const rejected = await start();
    const { status, detail } = await rejected.readiness("provider");
    expect(status).toBe("failed");
    expect(detail).toMatch(/OIDC_PROFILE is fapi2, but the provider's metadata lacks |OIDC_CLIENT_AUTH is /);
    expect(detail).toContain(name);
    expect((await testBrowser(rejected.origin).navigate("/bff/login")).status).toBe(400);
    expect(provider.posts).toEqual([]);
    await rejected.stop();
  });
});
