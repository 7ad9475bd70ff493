// Client authentication: every method over every endpoint. A secret is sent only by the method that was chosen.
import { createHash, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { KEYS, tempFile } from "./client-key-files.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SECRET = "s:e+c%r e/t-ü_with.signs~and-length";
const CLIENT_ID = "client:1+%é";
const authority = testAuthority();
const server = authority.issue("127.0.0.1");
const certificate = authority.issue("client.example");
const assertion = `${"e30."}${Buffer.from('{"sub":"pod"}').toString("base64url")}.c2ln`;

const FILES = {
  key: tempFile(KEYS.ec),
  keys: tempFile(KEYS.rsa + KEYS.ed25519),
  cert: tempFile(certificate.cert),
  certKey: tempFile(certificate.key),
  ca: tempFile(authority.cert),
  assertion: tempFile(`${assertion}\n`),
};

let provider: HostileProvider;
let gateway: TestGateway | undefined;

beforeAll(async () => {
  provider = await startHostileProvider({
    tls: { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
  });
});
afterAll(() => provider.stop());
afterEach(async () => {
  provider.overrides = {};
  provider.posts.length = 0;
  await gateway?.stop();
  gateway = undefined;
});

type Setup = { env: Record<string, string>; methods?: unknown; metadata?: Record<string, unknown>; secret?: string };

async function gatewayWith({ env, methods, metadata = {}, secret = SECRET }: Setup): Promise<TestGateway> {
  provider.overrides = {
    claims: (claims) => ({ ...claims, aud: CLIENT_ID }),
    metadata: (original) => ({
      ...original,
      token_endpoint_auth_methods_supported: methods,
      revocation_endpoint: `${provider.issuer}/revoke`,
      ...metadata,
    }),
    raw(path, response) {
      if (path === "/par") response.writeHead(201, { "content-type": "application/json" });
      if (path === "/par") response.end(JSON.stringify({ request_uri: "urn:example:1", expires_in: 60 }));
      if (path.endsWith("/revoke")) response.writeHead(200).end();
      return path === "/par" || path.endsWith("/revoke");
    },
  };
  const needsSecret = !/private_key|tls|assertion/.test(env["OIDC_CLIENT_AUTH"] ?? "");
  gateway = await startGateway({
    issuer: provider.issuer,
    clientId: CLIENT_ID,
    clientSecret: needsSecret ? secret : undefined,
    env: { OIDC_CA_FILE: FILES.ca, ...env },
  });
  return gateway;
}

/** Follows the authorization request like a browser that has no client certificate. */
function throughProvider(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca: authority.cert }, (response) => resolve(response.headers.location ?? ""))
      .on("error", reject)
      .end();
  });
}

async function loginAndOut(at: TestGateway): Promise<TestBrowser> {
  const browser = testBrowser(at.origin, throughProvider);
  expect((await browser.login()).status).toBe(303);
  await browser.fetch("/bff/logout", { method: "POST" });
  return browser;
}

const basic = (encoded: string[]): string => `Basic ${Buffer.from(encoded.join(":")).toString("base64")}`;

describe("client authentication", () => {
  const keyFile = { OIDC_CLIENT_KEY_FILE: FILES.key };
  const mutualTls = { OIDC_CLIENT_CERT_FILE: FILES.cert, OIDC_CLIENT_KEY_FILE: FILES.certKey };
  const fingerprint = new X509Certificate(certificate.cert).fingerprint256;

  it.each<[string, Setup, { header?: boolean; body?: string[]; certificate?: boolean }]>([
    ["client_secret_basic by default", { env: {} }, { header: true }],
    ["client_secret_basic if nothing is listed", { env: {}, methods: [] }, { header: true }],
    ["client_secret_basic if the list is invalid", { env: {}, methods: "client_secret_post" }, { header: true }],
    [
      "client_secret_basic before client_secret_post",
      { env: {}, methods: ["client_secret_post", "client_secret_basic"] },
      { header: true },
    ],
    [
      "client_secret_post if basic is not listed",
      { env: {}, methods: ["client_secret_post"] },
      { body: ["client_secret"] },
    ],
    [
      "client_secret_post if it is chosen, though basic is listed",
      { env: { OIDC_CLIENT_AUTH: "client_secret_post" }, methods: ["client_secret_basic", "client_secret_post"] },
      { body: ["client_secret"] },
    ],
    [
      "client_secret_post if it is chosen and nothing is listed",
      { env: { OIDC_CLIENT_AUTH: "client_secret_post" } },
      { body: ["client_secret"] },
    ],
    [
      "client_secret_jwt",
      { env: { OIDC_CLIENT_AUTH: "client_secret_jwt" }, methods: ["client_secret_basic", "client_secret_jwt"] },
      { body: ["client_assertion_type", "client_assertion"] },
    ],
    [
      "private_key_jwt",
      { env: { OIDC_CLIENT_AUTH: "private_key_jwt", ...keyFile }, methods: ["client_secret_basic", "private_key_jwt"] },
      { body: ["client_assertion_type", "client_assertion"] },
    ],
    [
      "tls_client_auth",
      { env: { OIDC_CLIENT_AUTH: "tls_client_auth", ...mutualTls }, methods: ["tls_client_auth"] },
      { certificate: true },
    ],
    [
      "self_signed_tls_client_auth",
      { env: { OIDC_CLIENT_AUTH: "self_signed_tls_client_auth", ...mutualTls } },
      { certificate: true },
    ],
    [
      "assertion_file",
      {
        env: { OIDC_CLIENT_AUTH: "assertion_file", OIDC_CLIENT_ASSERTION_FILE: FILES.assertion },
        methods: ["private_key_jwt"],
      },
      { body: ["client_assertion_type", "client_assertion"] },
    ],
  ])("%s is the only method in requests to the PAR, token and revocation endpoint", async (_name, setup, expected) => {
    const at = await gatewayWith(setup);
    await loginAndOut(at);
    await at.stop();
    await gatewayWith({
      ...setup,
      metadata: { pushed_authorization_request_endpoint: `${provider.issuer}/par` },
    });
    expect(await gateway!.readiness("provider")).toEqual({ status: "ok" });
    expect(new Set(provider.posts.map(({ path }) => path))).toEqual(new Set(["/token", "/revoke", "/par"]));
    for (const { headers, body, certificate: used, path } of provider.posts) {
      expect(headers.authorization !== undefined, path).toBe(expected.header ?? false);
      const credentials = [...body.keys()].filter((key) => /^client_(?!id)/.test(key));
      expect(credentials.toSorted(), path).toEqual((expected.body ?? []).toSorted());
      expect(used, path).toBe(expected.certificate === true ? fingerprint : undefined);
      const sent = decodeURIComponent(body.toString().replaceAll("+", " ")) + JSON.stringify(headers);
      expect(sent.includes(SECRET), path).toBe(expected.body?.includes("client_secret") === true);
    }
    expect(at.log.join("\n")).not.toContain(SECRET);
  });

  it.each([
    [
      "reserved characters",
      CLIENT_ID,
      SECRET,
      ["client%3A1%2B%25%C3%A9", "s%3Ae%2Bc%25r+e%2Ft-%C3%BC_with.signs%7Eand-length"],
    ],
    ["unreserved characters unchanged", "client-1_a.b", "a-b_c.d*e0123456789", ["client-1_a.b", "a-b_c.d*e0123456789"]],
  ])("client_secret_basic form-encodes %s (RFC 6749 §2.3.1)", async (_name, id, secret, encoded) => {
    await gatewayWith({ env: { OIDC_CLIENT_ID: id }, secret });
    provider.overrides.claims = (claims) => ({ ...claims, aud: id });
    await loginAndOut(gateway!);
    expect(provider.lastTokenRequest().authorization).toBe(basic(encoded));
  });

  it("an assertion names the issuer as its only audience, is unique and valid for at most 60 s", async () => {
    const env = { OIDC_CLIENT_AUTH: "private_key_jwt", ...keyFile };
    await gatewayWith({ env });
    await loginAndOut(gateway!);
    await loginAndOut(gateway!);
    const keys = (await (await fetch(`${gateway!.origin}/bff/jwks.json`)).json()) as JSONWebKeySet;
    const seen = new Set<unknown>();
    for (const { body } of provider.posts) {
      const jwt = body.get("client_assertion") ?? "";
      expect(body.get("client_assertion_type")).toBe(JWT_BEARER);
      const { payload } = await jwtVerify(jwt, createLocalJWKSet(keys), { algorithms: ["ES256"] });
      expect(payload).toMatchObject({ iss: CLIENT_ID, sub: CLIENT_ID, aud: provider.issuer });
      expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(60);
      expect(payload.exp! - Date.now() / 1000).toBeLessThanOrEqual(60);
      seen.add(payload.jti);
    }
    expect(seen.size).toBe(provider.posts.length);
  });

  it.each<[string, string, string, string[] | undefined]>([
    ["RS256", KEYS.rsa, "", undefined],
    ["PS256", KEYS.rsa, "", ["RS256", "PS256", "ES256"]],
    ["RS384", KEYS.rsa, "", ["RS384"]],
    ["PS512", KEYS.rsa, "PS512", ["RS256"]],
    ["ES256", KEYS.ec, "", ["RS256"]],
    ["ES384", KEYS.p384, "", undefined],
    ["ES512", KEYS.p521, "", undefined],
    ["EdDSA", KEYS.ed25519, "", undefined],
    ["EdDSA", KEYS.ed25519, "", ["Ed25519", "EdDSA"]],
    ["Ed25519", KEYS.ed25519, "", ["ES256", "Ed25519"]],
    ["Ed25519", KEYS.ed25519, "Ed25519", undefined],
    ["PS384", KEYS.jwkWithAlg, "", ["RS256", "PS256"]],
  ])(
    "an assertion is signed with %s by the key, OIDC_CLIENT_ALG and the metadata",
    async (alg, key, setting, listed) => {
      const env = {
        OIDC_CLIENT_AUTH: "private_key_jwt",
        OIDC_CLIENT_KEY_FILE: tempFile(key),
        ...(setting === "" ? {} : { OIDC_CLIENT_ALG: setting }),
      };
      await gatewayWith({ env, metadata: { token_endpoint_auth_signing_alg_values_supported: listed } });
      await loginAndOut(gateway!);
      const jwt = provider.lastTokenRequest().body.get("client_assertion") ?? "";
      const keys = (await (await fetch(`${gateway!.origin}/bff/jwks.json`)).json()) as JSONWebKeySet;
      const { protectedHeader } = await jwtVerify(jwt, createLocalJWKSet(keys));
      expect(protectedHeader).toEqual({ alg, kid: keys.keys[0]!.kid });
      expect(keys.keys[0]!.alg).toBe(alg);
    },
  );

  it("oidcc-client-test-mtls-endpoint-aliases: mtls_endpoint_aliases are used with mutual TLS only (RFC 8705 §5)", async () => {
    const alias = await startHostileProvider({ tls: { ...server, ca: authority.cert, requestCert: true } });
    const metadata = {
      mtls_endpoint_aliases: {
        token_endpoint: `${alias.issuer}/token`,
        revocation_endpoint: `${alias.issuer}/mtls/revoke`,
        introspection_endpoint: "http://elsewhere.example/",
      },
    };
    await gatewayWith({ env: {}, metadata });
    await loginAndOut(gateway!);
    expect(alias.posts).toEqual([]);
    await gateway!.stop();
    provider.posts.length = 0;
    await gatewayWith({ env: { OIDC_CLIENT_AUTH: "tls_client_auth", ...mutualTls }, metadata });
    await testBrowser(gateway!.origin, throughProvider).login();
    expect(alias.posts).toMatchObject([{ path: "/token", certificate: fingerprint }]);
    expect(provider.posts).toEqual([]);
    expect(gateway!.log.join("\n")).toContain("mtls_endpoint_aliases.introspection_endpoint");
    await alias.stop();
  });
});

describe("a method that the provider does not list", () => {
  it.each<[string, Setup, RegExp]>([
    [
      "private_key_jwt",
      {
        env: { OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: FILES.key },
        methods: ["client_secret_basic"],
      },
      /^OIDC_CLIENT_AUTH is private_key_jwt, which the provider does not list.*It lists client_secret_basic\. Set/,
    ],
    [
      "client_secret_basic",
      { env: { OIDC_CLIENT_AUTH: "client_secret_basic" }, methods: ["client_secret_post", "x\ny", 7] },
      /^OIDC_CLIENT_AUTH is client_secret_basic.*It lists client_secret_post\. Set/,
    ],
    [
      "unset, with neither method of a secret listed",
      { env: {}, methods: ["private_key_jwt", "tls_client_auth"] },
      /^OIDC_CLIENT_AUTH is not set.*It lists private_key_jwt, tls_client_auth\. Set/,
    ],
    [
      "assertion_file",
      { env: { OIDC_CLIENT_AUTH: "assertion_file", OIDC_CLIENT_ASSERTION_FILE: FILES.assertion }, methods: ["none"] },
      /^OIDC_CLIENT_AUTH is assertion_file/,
    ],
  ])(
    "the method %s, which the provider does not list, is one sentence in readiness, and no credential is sent",
    async (_name, setup, sentence) => {
      const at = await gatewayWith(setup);
      const { status, detail } = await at.readiness("provider");
      expect(status).toBe("failed");
      expect(detail).toMatch(sentence);
      expect((await testBrowser(at.origin).navigate("/bff/login")).status).toBe(503);
      expect(provider.posts).toEqual([]);
    },
  );
});

describe("a client authentication that the provider rejects", () => {
  const key = { OIDC_CLIENT_KEY_FILE: FILES.key };
  const mutualTls = { OIDC_CLIENT_CERT_FILE: FILES.cert, OIDC_CLIENT_KEY_FILE: FILES.certKey };
  it.each<[string, Record<string, string>, string]>([
    ["client_secret_basic", {}, "OIDC_CLIENT_SECRET"],
    ["client_secret_post", {}, "OIDC_CLIENT_SECRET"],
    ["client_secret_jwt", {}, "OIDC_CLIENT_SECRET"],
    ["private_key_jwt", key, "OIDC_CLIENT_KEY_FILE"],
    ["tls_client_auth", mutualTls, "OIDC_CLIENT_CERT_FILE"],
    ["self_signed_tls_client_auth", mutualTls, "OIDC_CLIENT_CERT_FILE"],
    ["assertion_file", { OIDC_CLIENT_ASSERTION_FILE: FILES.assertion }, "OIDC_CLIENT_ASSERTION_FILE"],
  ])("a rejected %s: readiness and the log name its setting, not another one", async (method, env, setting) => {
    gateway = await gatewayWith({ env: { OIDC_CLIENT_AUTH: method, ...env } });
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
    const { raw } = provider.overrides;
    provider.overrides.raw = (path, response, request) => {
      if (path !== "/token") return raw?.(path, response, request) === true;
      response.writeHead(401, { "content-type": "application/json" }).end('{"error":"invalid_client"}');
      return true;
    };
    expect((await testBrowser(gateway.origin, throughProvider).login()).status).toBe(400);
    const { status, detail = "" } = await gateway.readiness("provider");
    expect(status).toBe("degraded");
    const reason = String(gateway.events("login_failed").at(-1)?.["reason"]);
    for (const sentence of [detail, reason]) {
      const named = sentence.match(/OIDC_CLIENT_(SECRET|KEY_FILE|CERT_FILE|ASSERTION_FILE)/g);
      expect([...new Set(named)]).toEqual([setting]);
    }
  });
});

describe("GET /bff/jwks.json", () => {
  const load = async () => {
    const response = await fetch(`${gateway!.origin}/bff/jwks.json`);
    return { response, keys: response.ok ? ((await response.json()) as JSONWebKeySet).keys : [] };
  };

  it("GET /bff/jwks.json publishes all keys without private members, named by their thumbprint, and may be cached", async () => {
    await gatewayWith({ env: { OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: FILES.keys } });
    const { response, keys } = await load();
    expect(response.headers.get("cache-control")).toBe("public, max-age=300");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(response.headers.get("content-type")).toMatch(/^application\/jwk-set\+json/);
    expect(keys.map(({ kty }) => kty)).toEqual(["RSA", "OKP"]);
    for (const key of keys)
      for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) expect(key).not.toHaveProperty(secret);
    const [{ kty, e, n, kid }] = keys as [Record<string, string>];
    expect(kid).toBe(createHash("sha256").update(JSON.stringify({ e, kty, n })).digest("base64url"));
  });

  it("GET /bff/jwks.json contains the certificate of self_signed_tls_client_auth", async () => {
    const env = {
      OIDC_CLIENT_AUTH: "self_signed_tls_client_auth",
      OIDC_CLIENT_CERT_FILE: FILES.cert,
      OIDC_CLIENT_KEY_FILE: FILES.certKey,
    };
    await gatewayWith({ env });
    const { keys } = await load();
    expect(keys).toHaveLength(1);
    expect((keys[0] as { x5c: string[] }).x5c).toEqual([new X509Certificate(certificate.cert).raw.toString("base64")]);
    expect(keys[0]).not.toHaveProperty("d");
  });

  it("GET /bff/jwks.json is 404 for a method without keys", async () => {
    await gatewayWith({ env: {} });
    expect((await load()).response.status).toBe(404);
  });

  it("GET /bff/jwks.json follows a rotation of the key file without a restart: the first key signs, the others are published", async () => {
    const file = tempFile(KEYS.rsa);
    await gatewayWith({ env: { OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: file } });
    const signer = async (): Promise<unknown> => {
      await loginAndOut(gateway!);
      return decodeProtectedHeader(provider.lastTokenRequest().body.get("client_assertion") ?? "").kid;
    };
    const [first] = (await load()).keys;
    expect(await signer()).toBe(first!.kid);
    writeFileSync(file, KEYS.rsa + KEYS.ec);
    const [same, second] = (await load()).keys;
    expect(same).toEqual(first);
    expect(await signer()).toBe(first!.kid);
    writeFileSync(file, KEYS.ec + KEYS.rsa);
    expect(await signer()).toBe(second!.kid);
    writeFileSync(file, KEYS.ec);
    expect((await load()).keys).toEqual([second]);
  });
});
