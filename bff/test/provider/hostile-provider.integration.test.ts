// The relying-party modules of the OpenID conformance suite that apply to the gateway, by their ids, and cases that
// openid-client accepts by default. In each case the provider deviates in one point.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  breakSignature,
  startHostileProvider,
  unsigned,
  without,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis } from "@cloakroom/testkit/test-redis.ts";

let provider: HostileProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startHostileProvider();
  gateway = await startGateway({ ...provider, env: { UPSTREAMS: `/api=${provider.issuer}` } });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});
afterEach(() => {
  provider.overrides = {};
});

async function outcome(overrides: Overrides, query = ""): Promise<{ status: number; loggedIn: boolean }> {
  provider.overrides = overrides;
  const browser = testBrowser(gateway.origin);
  const { status } = await browser.login(query);
  const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: unknown };
  return { status, loggedIn: user !== null };
}
const now = () => Math.floor(Date.now() / 1000);

describe("login with", () => {
  it.each<[string, Overrides]>([
    ["oidcc-client-test-idtoken-sig-rs256", {}],
    ["fapi2 valid-aud-as-array", { claims: (claims) => ({ ...claims, aud: [claims["aud"]] }) }],
    ["fapi2 token-endpoint-response-without-expires_in", { token: without("expires_in") }],
    ["fapi2 token-type-case-insensitivity", { token: (token) => ({ ...token, token_type: "bEARER" }) }],
    ["azp of the client", { claims: (claims) => ({ ...claims, azp: claims["aud"] }) }],
    ["oidcc-client-test-missing-athash", { claims: without("at_hash") }],
    ["a clock that is 25 s ahead", { claims: (claims) => ({ ...claims, iat: now() + 25 }) }],
    ["exp within the clock tolerance", { claims: (claims) => ({ ...claims, exp: now() - 20 }) }],
  ])("a login succeeds with: %s", async (_id, overrides) => {
    expect(await outcome(overrides)).toEqual({ status: 303, loggedIn: true });
  });

  it("oidcc-client-test: the requests to the provider and to the API are as registered", async () => {
    const api: { url: string | undefined; authorization: string | undefined }[] = [];
    const browser = testBrowser(gateway.origin);
    provider.overrides = {
      raw(pathname, response, { url, headers }) {
        if (pathname !== "/items") return false;
        api.push({ url, authorization: headers.authorization });
        response.end("{}");
        return true;
      },
    };
    const callback = new URL(await browser.loginAtProvider());
    expect((await browser.navigate(callback.href, { "sec-fetch-site": "cross-site" })).status).toBe(303);
    const redirectUri = `${gateway.config.publicOrigin}/bff/callback`;
    const request = provider.requests.last();
    expect(request.get("scope")!.split(" ")).toContain("openid");
    expect(Object.fromEntries(request)).toMatchObject({
      client_id: provider.clientId,
      redirect_uri: redirectUri,
      response_type: "code",
      code_challenge_method: "S256",
    });
    const { body } = provider.lastTokenRequest();
    expect(Object.fromEntries(body)).toMatchObject({
      grant_type: "authorization_code",
      code: callback.searchParams.get("code"),
      redirect_uri: redirectUri,
    });
    expect((await browser.fetch("/api/items?page=2")).status).toBe(200);
    expect(api).toEqual([{ url: "/items?page=2", authorization: expect.stringMatching(/^Bearer access-/) }]);
  });

  it("oidcc-client-test-nonce-unless-code-flow: each request has a nonce of its own, in the code flow too", async () => {
    const nonces: (string | null)[] = [];
    for (const _ of [1, 2]) {
      await outcome({});
      nonces.push(provider.requests.last().get("nonce"));
    }
    for (const nonce of nonces) expect(nonce).toMatch(/^[\w-]{22,}$/);
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  it("oidcc-client-test-missing-chash: an ID token of the token endpoint needs no c_hash", async () => {
    expect(await outcome({ claims: without("c_hash") })).toEqual({ status: 303, loggedIn: true });
    expect(provider.requests.last().get("response_type")).toBe("code");
  });

  it("oidcc-client-test-client-secret-basic: the redirect URI is from the configuration", async () => {
    await outcome({});
    const { body, authorization } = provider.lastTokenRequest();
    expect(authorization).toMatch(/^Basic /);
    expect(body.has("client_secret")).toBe(false);
    expect(body.get("redirect_uri")).toBe(`${gateway.config.publicOrigin}/bff/callback`);
    expect(body.get("code_verifier")).toMatch(/^[\w-]{43}$/);
  });

  it(
    "oidcc-client-test-signing-key-rotation: logins succeed after two rotations within a minute",
    { timeout: 30_000 },
    async () => {
      expect(await outcome({})).toEqual({ status: 303, loggedIn: true });
      await provider.rotate();
      expect(await outcome({})).toEqual({ status: 303, loggedIn: true });
      await provider.rotate();
      expect(await outcome({})).toEqual({ status: 303, loggedIn: true });
    },
  );

  it(
    "oidcc-client-test-signing-key-rotation-just-before-signing: the login succeeds",
    { timeout: 30_000 },
    async () => {
      expect(await outcome({ rotateBeforeSigning: true })).toEqual({ status: 303, loggedIn: true });
    },
  );
});

describe("rejected login", () => {
  it.each<[string, Overrides]>([
    ["oidcc-client-test-invalid-iss", { claims: (claims) => ({ ...claims, iss: `${claims["iss"] as string}1` }) }],
    ["oidcc-client-test-missing-sub", { claims: without("sub") }],
    ["an empty sub", { claims: (claims) => ({ ...claims, sub: "" }) }],
    ["oidcc-client-test-invalid-aud", { claims: (claims) => ({ ...claims, aud: `${claims["aud"] as string}1` }) }],
    ["oidcc-client-test-missing-aud", { claims: without("aud") }],
    ["fapi2 invalid-secondary-aud", { claims: (claims) => ({ ...claims, aud: [claims["aud"], "other"] }) }],
    [
      "a second audience with azp of the client",
      { claims: (claims) => ({ ...claims, aud: [claims["aud"], "other"], azp: claims["aud"] }) },
    ],
    ["azp of another client", { claims: (claims) => ({ ...claims, azp: "other" }) }],
    ["oidcc-client-test-missing-iat", { claims: without("iat") }],
    ["iat ten years ahead", { claims: (claims) => ({ ...claims, iat: now() + 315_360_000 }) }],
    ["fapi2 invalid-missing-exp", { claims: without("exp") }],
    ["fapi2 invalid-expired-exp", { claims: (claims) => ({ ...claims, exp: now() - 360 }) }],
    ["oidcc-client-test-invalid-sig-rs256", { idToken: breakSignature }],
    ["an unknown key", { foreignKey: true }],
    ["oidcc-client-test-idtoken-sig-none", { idToken: unsigned("none") }],
    ["a published key of another algorithm", { header: () => ({ alg: "ES256", kid: "es256" }) }],
    ["alg nOnE", { idToken: unsigned("alg nOnE") }],
    ["oidcc-client-test-invalid-sig-hs256", { idToken: unsigned("HS256") }],
    [
      "a key in the token's jwk header",
      { foreignKey: true, header: (header) => ({ ...header, jwk: { kty: "RSA", n: "x", e: "AQAB" } }) },
    ],
    [
      "oidcc-client-test-nonce-invalid",
      { claims: (claims) => ({ ...claims, nonce: `${claims["nonce"] as string}x` }) },
    ],
    ["fapi2 invalid-missing-nonce", { claims: without("nonce") }],
    ["oidcc-client-test-invalid-athash", { claims: (claims) => ({ ...claims, at_hash: "wrongwrongwrongwrong12" }) }],
    ["no ID token", { token: without("id_token") }],
  ])("a login is rejected with: %s", async (_id, overrides) => {
    expect(await outcome(overrides)).toEqual({ status: 400, loggedIn: false });
  });

  it.each<[string, Overrides]>([
    [
      "fapi2 invalid-authorization-response-iss",
      { authorizationResponse: (original) => ({ ...original, iss: `${original["iss"] as string}1` }) },
    ],
    ["fapi2 remove-authorization-response-iss", { authorizationResponse: without("iss") }],
    [
      "fapi2 ensure-authorization-response-with-invalid-state-fails",
      { authorizationResponse: (original) => ({ ...original, state: `${original["state"] as string}x` }) },
    ],
    [
      "fapi2 ensure-authorization-response-with-invalid-missing-state-fails",
      { authorizationResponse: without("state") },
    ],
    ["no code", { authorizationResponse: without("code") }],
    [
      "oidcc-client-test-invalid-chash: an ID token in the authorization response",
      { authorizationResponse: (original) => ({ ...original, id_token: "e30.eyJjX2hhc2giOiJ3cm9uZyJ9.x" }) },
    ],
    [
      "an error",
      {
        authorizationResponse: (original) => ({
          ...without("code")(original),
          error: "access_denied",
          error_description: "<script>alert(1)</script>",
        }),
      },
    ],
  ])("%s, without a token request", async (_id, overrides) => {
    const before = provider.counts.token;
    expect(await outcome(overrides)).toEqual({ status: 400, loggedIn: false });
    expect(provider.counts.token).toBe(before);
  });

  it("ASVS 9.1.3: a key URL in the token is not fetched", async () => {
    const trap = `${provider.issuer}/trap`;
    const header: Overrides["header"] = (original) => ({ ...original, kid: "unknown", jku: trap, x5u: trap });
    expect((await outcome({ header, foreignKey: true })).loggedIn).toBe(false);
    expect(provider.counts.trap).toBe(0);
  }, 30_000);

  it("ASVS 6.8.4: a login with an acr other than acr_values is 403", async () => {
    expect(await outcome({}, "?acr_values=2")).toEqual({ status: 403, loggedIn: false });
    expect(await outcome({ claims: (claims) => ({ ...claims, acr: "2" }) }, "?acr_values=2")).toEqual({
      status: 303,
      loggedIn: true,
    });
  });

  it("ASVS 7.6.1: a login older than max_age is rejected", async () => {
    const stale: Overrides = { claims: (claims) => ({ ...claims, auth_time: now() - 3_600 }) };
    expect(await outcome(stale, "?max_age=60")).toEqual({ status: 400, loggedIn: false });
    expect(await outcome({}, "?max_age=60")).toEqual({ status: 303, loggedIn: true });
  });
});

describe("a gateway that has not fetched metadata and keys yet", () => {
  const header: Overrides["header"] = () => ({ alg: "RS256" });
  it.each<[string, Overrides, boolean]>([
    ["accepted: oidcc-client-test-kid-absent-single-jwks", { header, jwks: (keys) => keys.map(without("kid")) }, true],
    [
      "rejected: oidcc-client-test-kid-absent-multiple-jwks",
      { header, jwks: (keys) => [...keys, { ...keys[0]!, kid: "second" }] },
      false,
    ],
    [
      "rejected: alg none, which the metadata lists",
      {
        idToken: unsigned("none"),
        metadata: (metadata) => ({ ...metadata, id_token_signing_alg_values_supported: ["RS256", "none"] }),
      },
      false,
    ],
    [
      "accepted: no iss in the authorization response, which the metadata does not announce",
      {
        authorizationResponse: without("iss"),
        metadata: without("authorization_response_iss_parameter_supported"),
      },
      true,
    ],
  ])("is %s", async (_id, overrides, accepted) => {
    const other = await startHostileProvider();
    other.overrides = overrides;
    const fresh = await startGateway(other);
    const browser = testBrowser(fresh.origin);
    expect((await browser.login()).status).toBe(accepted ? 303 : 400);
    await fresh.stop();
    await other.stop();
  });
});

describe("an ID token with ES256", () => {
  it.each<[string, Overrides, number]>([
    ["a valid signature is accepted", {}, 303],
    ["oidcc-client-test-invalid-sig-es256: a broken signature is rejected", { idToken: breakSignature }, 400],
    ["a key of another algorithm is rejected", { header: () => ({ alg: "RS256", kid: "rs256" }) }, 400],
  ])("%s", async (_id, overrides, status) => {
    const other = await startHostileProvider({ alg: "ES256" });
    other.overrides = overrides;
    const pinned = await startGateway({ ...other, env: { OIDC_ID_TOKEN_ALG: "ES256" } });
    expect((await testBrowser(pinned.origin).login()).status).toBe(status);
    await pinned.stop();
    await other.stop();
  });
});

describe("discovery", () => {
  it("oidcc-client-test-discovery-openid-config and oidcc-client-test-discovery-jwks-uri-keys: every endpoint is taken from the document", async () => {
    const other = await startHostileProvider();
    const moved = { "/a/authorize": "/authorize", "/b/token": "/token", "/c/keys": "/jwks" } as Record<string, string>;
    const asked: string[] = [];
    other.overrides = {
      metadata: (metadata) => ({
        ...metadata,
        authorization_endpoint: `${other.issuer}/a/authorize`,
        token_endpoint: `${other.issuer}/b/token`,
        jwks_uri: `${other.issuer}/c/keys`,
      }),
      route(pathname) {
        asked.push(pathname);
        return moved[pathname] ?? pathname;
      },
    };
    const fresh = await startGateway(other);
    expect((await testBrowser(fresh.origin).login()).status).toBe(303);
    expect(asked).toEqual(expect.arrayContaining(["/.well-known/openid-configuration", ...Object.keys(moved)]));
    for (const usual of Object.values(moved)) expect(asked).not.toContain(usual);
    await fresh.stop();
    await other.stop();
  });

  it.each<[string, Overrides["metadata"]]>([
    [
      "oidcc-client-test-discovery-issuer-mismatch",
      (metadata) => ({ ...metadata, issuer: `${metadata["issuer"] as string}INVALID` }),
    ],
    ["an issuer with a trailing slash", (metadata) => ({ ...metadata, issuer: `${metadata["issuer"] as string}/` })],
  ])("rejects %s", async (_id, metadata) => {
    const other = await startHostileProvider();
    other.overrides = { metadata: metadata! };
    const misled = await startGateway(other);
    const response = await testBrowser(misled.origin).navigate("/bff/login");
    expect(response.status).toBe(503);
    expect(other.counts.authorize).toBe(0);
    await misled.stop();
    await other.stop();
  });
});

describe("error texts of the provider", () => {
  it("error texts of the provider are not rendered as markup (CVE-2021-32702) and not logged", async () => {
    provider.overrides = {
      authorizationResponse: (original) => ({
        ...without("code")(original),
        error: "<script>alert(1)</script>",
        error_description: "<img src=x>",
      }),
    };
    const response = await testBrowser(gateway.origin).login();
    const page = await response.text();
    expect(page).not.toContain("<script>alert");
    expect(page).not.toContain("<img");
    expect(gateway.log.join("")).not.toContain("alert(1)");
  });
});

describe("ID token of a refresh", () => {
  it("oidcc-client-test-refresh-token: a token set with an ID token of the same user replaces the old one", async () => {
    provider.overrides = { token: (token) => ({ ...token, expires_in: 0 }) };
    const browser = testBrowser(gateway.origin);
    await browser.login();
    provider.overrides = {};
    const authorizations: (string | undefined)[] = [];
    provider.overrides.raw = (pathname, response, { headers }) => {
      if (pathname !== "/x") return false;
      authorizations.push(headers.authorization);
      response.end("{}");
      return true;
    };
    const before = provider.counts.token;
    for (const _ of [1, 2]) expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.counts.token - before).toBe(1);
    const { body, authorization } = provider.lastTokenRequest();
    expect(authorization).toMatch(/^Basic /);
    expect([body.get("grant_type"), body.get("refresh_token")]).toEqual([
      "refresh_token",
      expect.stringMatching(/^refresh-/),
    ]);
    expect(authorizations[0]).toBe(authorizations[1]);
    expect(await (await browser.fetch("/bff/user")).json()).toHaveProperty("user.sub", "alice");
  });

  it.each<[string, Overrides]>([
    ["oidcc-client-test-refresh-token-invalid-sub", { claims: (claims) => ({ ...claims, sub: "mallory" }) }],
    [
      "oidcc-client-test-refresh-token-invalid-issuer",
      { claims: (claims) => ({ ...claims, iss: "http://127.0.0.1:1" }) },
    ],
    ["aud of another client", { claims: (claims) => ({ ...claims, aud: "another-client" }) }],
    [
      "a second audience",
      { claims: (claims) => ({ ...claims, aud: [claims["aud"], "another-client"], azp: claims["aud"] }) },
    ],
    ["azp of another client", { claims: (claims) => ({ ...claims, azp: "another-client" }) }],
    ["at_hash of another access token", { claims: (claims) => ({ ...claims, at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }) }],
    ["a broken signature", { idToken: breakSignature }],
  ])("an ID token of a refresh with %s ends the session", async (_id, overrides) => {
    // Expires so soon that the first request refreshes it.
    provider.overrides = { token: (token) => ({ ...token, expires_in: 0 }) };
    const browser = testBrowser(gateway.origin);
    await browser.login();
    provider.overrides = overrides;
    expect((await browser.fetch("/api/x")).status).toBe(401);
    expect(await (await browser.fetch("/bff/user")).json()).toEqual({ user: null, session: null });
    expect(gateway.events("refresh_rejected").at(-1)?.["reason"]).toMatch(/ID token rejected/);
  });

  it.each<[string, Overrides]>([
    ["another issuer", { claims: (claims) => ({ ...claims, iss: "http://127.0.0.1:1" }) }],
    ["another client", { claims: (claims) => ({ ...claims, aud: "another-client" }) }],
  ])("ID tokens of %s do not open the circuit for other sessions", async (_whose, overrides) => {
    provider.overrides = { token: (token) => ({ ...token, expires_in: 0 }) };
    const browsers = Array.from({ length: 6 }, () => testBrowser(gateway.origin));
    for (const browser of browsers) await browser.login();
    const [healthy, ...others] = browsers;
    provider.overrides = overrides;
    // Consecutive failures without a success between them.
    for (const browser of others) expect((await browser.fetch("/api/x")).status).toBe(401);
    provider.overrides = {};
    const before = provider.counts.token;
    expect((await healthy!.fetch("/api/x")).status).toBe(404);
    expect(provider.counts.token).toBe(before + 1);
  });

  it("a session of a previous issuer ends without a token request to the current one", async () => {
    const redis = await startRedis();
    const env = { UPSTREAMS: `/api=${provider.issuer}` };
    const before = await startGateway({ ...provider, redisUrl: redis.url, env });
    const next = await startHostileProvider();
    const { publicOrigin } = before.config;
    const after = await startGateway({ ...next, redisUrl: redis.url, publicOrigin, env });
    try {
      provider.overrides = { token: (token) => ({ ...token, expires_in: 0 }) };
      const browser = testBrowser(before.origin);
      await browser.login();
      browser.useInstance(after.origin);
      // A token with a lifetime of zero is used for a moment before it is refreshed (decision 0024).
      await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(401);
      expect(next.counts.token).toBe(0);
      expect(after.events("refresh_rejected").at(-1)?.["reason"]).toBe("the session is of another issuer");
      expect(await (await browser.fetch("/bff/user")).json()).toEqual({ user: null, session: null });
    } finally {
      await Promise.all([before.stop(), after.stop()]);
      await Promise.all([next.stop(), redis.stop()]);
    }
  });
});
