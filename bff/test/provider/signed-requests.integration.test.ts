// Signed authorization requests (JAR, RFC 9101): OIDC_SIGNED_REQUEST, pushed and by value.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from "jose";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { KEYS, tempFile } from "./client-key-files.ts";

let provider: HostileProvider;
const gateways: TestGateway[] = [];

beforeEach(async () => {
  provider = await startHostileProvider();
});
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
  await provider.stop();
});

type Setup = { key?: string; metadata?: Record<string, unknown>; pushed?: boolean; env?: Record<string, string> };

async function gatewayWith({ key = KEYS.ec, metadata = {}, pushed = false, env = {} }: Setup): Promise<TestGateway> {
  provider.overrides = {
    metadata: (original) => ({
      ...original,
      ...(pushed ? { pushed_authorization_request_endpoint: `${provider.issuer}/pushed` } : {}),
      ...metadata,
    }),
  };
  const gateway = await startGateway({
    ...provider,
    env: { OIDC_SIGNED_REQUEST: "on", OIDC_CLIENT_KEY_FILE: tempFile(key), ...env },
  });
  gateways.push(gateway);
  return gateway;
}

/** Verifies with the keys that the gateway publishes. */
async function verified(gateway: TestGateway, requestObject: string) {
  const jwks = (await (await fetch(`${gateway.origin}/bff/jwks.json`)).json()) as JSONWebKeySet;
  return jwtVerify(requestObject, createLocalJWKSet(jwks), {
    issuer: provider.clientId,
    audience: provider.issuer,
    typ: "oauth-authz-req+jwt",
    requiredClaims: ["iat", "nbf", "exp", "jti"],
  });
}

describe("a signed request", () => {
  it.each<[string, Setup, string]>([
    ["an EC key", { key: KEYS.ec }, "ES256"],
    ["a P-384 key", { key: KEYS.p384 }, "ES384"],
    ["an Ed25519 key", { key: KEYS.ed25519 }, "EdDSA"],
    ["an RSA key", { key: KEYS.rsa }, "RS256"],
    [
      "an RSA key where PS256 is listed",
      { key: KEYS.rsa, metadata: { request_object_signing_alg_values_supported: ["RS256", "PS256"] } },
      "PS256",
    ],
    ["OIDC_CLIENT_ALG", { key: KEYS.rsa, env: { OIDC_CLIENT_ALG: "PS256" } }, "PS256"],
    ["alg of the JWK", { key: KEYS.jwkWithAlg }, "PS384"],
  ])("a signed request with %s is verified with the published keys", async (_name, setup, alg) => {
    for (const pushed of [false, true]) {
      const gateway = await gatewayWith({ ...setup, pushed });
      const login = await testBrowser(gateway.origin).login("?max_age=600&acr_values=1");
      expect(login.status).toBe(303);
      const front = provider.requests.front.at(-1)!;
      const carrier = pushed ? provider.requests.pushed.at(-1)!.parameters : front;
      const requestObject = carrier.get("request")!;
      expect(decodeProtectedHeader(requestObject).alg).toBe(alg);
      const { payload } = await verified(gateway, requestObject);
      expect(payload).toMatchObject({
        client_id: provider.clientId,
        response_type: "code",
        redirect_uri: `${gateway.config.publicOrigin}/bff/callback`,
        code_challenge_method: "S256",
        scope: "openid profile email",
        max_age: 600,
        acr_values: "1",
        state: expect.any(String),
        nonce: expect.any(String),
      });
      expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(120);
      expect([...front.keys()].sort()).toEqual(
        pushed ? ["client_id", "request_uri"] : ["client_id", "request", "response_type", "scope"],
      );
      // RFC 9126 §3: no parameter beside the request object that it could contradict.
      const beside = [...carrier.keys()].filter((name) => !/^(client_|request$|response_type$|scope$)/.test(name));
      expect(beside).toEqual([]);
    }
  });

  it("two logins have request objects of their own (jti)", async () => {
    const gateway = await gatewayWith({});
    const ids = [];
    for (let n = 0; n < 2; n++) {
      await testBrowser(gateway.origin).login();
      ids.push((await verified(gateway, provider.requests.front.at(-1)!.get("request")!)).payload.jti);
    }
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("a signed request is sent by value if the provider rejects the push", async () => {
    const gateway = await gatewayWith({ pushed: true });
    const { metadata } = provider.overrides;
    provider.overrides = {
      metadata: metadata!,
      raw: (path, res) => path === "/pushed" && res.writeHead(404).end() !== undefined,
    };
    expect((await testBrowser(gateway.origin).login()).status).toBe(303);
    expect(provider.requests.front.at(-1)!.has("request")).toBe(true);
  });

  it("a signed request that is too long for a Location header is 400 by value and succeeds when pushed", async () => {
    const returnTo = `/?q=${"x".repeat(1_500)}`;
    const query = `?${new URLSearchParams({ returnTo }).toString()}`;
    const byValue = await gatewayWith({ key: KEYS.rsa });
    expect((await testBrowser(byValue.origin).navigate(`/bff/login${query}`)).status).toBe(400);
    const pushed = await gatewayWith({ key: KEYS.rsa, pushed: true });
    expect((await testBrowser(pushed.origin).login(query)).headers.get("location")).toContain("xxx");
  });
});

describe("a contradiction with the provider's metadata is a sentence in readiness, and no request is sent", () => {
  it.each<[string, Setup, RegExp]>([
    [
      "the algorithm is not listed",
      { metadata: { request_object_signing_alg_values_supported: ["RS256"] } },
      /^OIDC_SIGNED_REQUEST is on with ES256, which the provider does not list .*OIDC_CLIENT_ALG/,
    ],
    [
      "alg none only",
      { key: KEYS.rsa, metadata: { request_object_signing_alg_values_supported: ["none"] } },
      /^OIDC_SIGNED_REQUEST is on with RS256/,
    ],
    [
      "requests by value are not accepted",
      { metadata: { request_parameter_supported: false } },
      /^OIDC_SIGNED_REQUEST is on, but the provider accepts signed requests only if they are pushed/,
    ],
    [
      "signed requests are required, and OIDC_SIGNED_REQUEST is off",
      { metadata: { require_signed_request_object: true }, env: { OIDC_SIGNED_REQUEST: "off" } },
      /^the provider requires signed authorization requests \(RFC 9101\)\. Set OIDC_SIGNED_REQUEST=on/,
    ],
  ])(
    "a contradiction with the metadata is a sentence in readiness, and no request is sent: %s",
    async (_name, setup, sentence) => {
      const gateway = await gatewayWith(setup);
      expect(await gateway.readiness("provider")).toEqual({
        status: "failed",
        detail: expect.stringMatching(sentence),
      });
      // Not 503: the next login would fail for the same reason.
      expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(400);
      expect([provider.counts.par, provider.counts.authorize]).toEqual([0, 0]);
    },
  );
});

it.each(["invalid_request_object", "request_not_supported"])(
  "the error %s of the provider names the settings in readiness",
  async (error) => {
    const gateway = await gatewayWith({ pushed: true });
    const { metadata } = provider.overrides;
    provider.overrides = {
      metadata: metadata!,
      raw(path, response) {
        if (path !== "/pushed") return false;
        response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error }));
        return true;
      },
    };
    expect((await gateway.readiness("provider")).detail).toMatch(/OIDC_SIGNED_REQUEST/);
    expect(provider.counts.authorize).toBe(0);
  },
);
