// Certificate-bound access tokens (RFC 8705 §3): the same certificate towards provider and upstreams, whatever authenticates
// the client.
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { testAuthority, type TestCertificate } from "@cloakroom/testkit/certificates.ts";
import { startHostileProvider, without, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";
import { loadConfig } from "../../src/config/config.ts";
import { KEYS, tempFile } from "./client-key-files.ts";

type Members = Record<string, unknown>;

const authority = testAuthority();
const [certificate, renewed] = [authority.issue("client.example"), authority.issue("client.example")];
const thumbprintOf = ({ cert }: TestCertificate) =>
  createHash("sha256").update(new X509Certificate(cert).raw).digest("base64url");
const jwt = (claims: Members) =>
  ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");
const boundTo = (of: TestCertificate) => jwt({ cnf: { "x5t#S256": thumbprintOf(of) } });

let provider: HostileProvider;
let gateway: TestGateway | undefined;
let accessToken: string;
let files: { cert: string; key: string; upstreams: string };
/** Requests that the upstream received: the certificate of the connection and the token. */
const received: { certificate: string | undefined; authorization: string | undefined; path: string }[] = [];
/** Requests to the token endpoint: URL and certificate. */
const tokenRequests: { url: string | undefined; certificate: string | undefined }[] = [];

const peerOf = (socket: unknown): string | undefined => {
  const { raw } = (socket as TLSSocket).getPeerCertificate();
  return (raw as Buffer | undefined) && createHash("sha256").update(raw).digest("base64url");
};

beforeAll(async () => {
  provider = await startHostileProvider({
    tls: { ...authority.issue("127.0.0.1"), ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    beside(request, response) {
      const { authorization } = request.headers;
      received.push({ certificate: peerOf(request.socket), authorization, path: request.url ?? "" });
      response.end("{}");
    },
  });
});
afterAll(() => provider.stop());
beforeEach(() => {
  accessToken = boundTo(certificate);
  received.length = 0;
  tokenRequests.length = 0;
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-bound-"));
  files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem"), upstreams: join(folder, "upstreams.json") };
  writeFileSync(files.cert, certificate.cert);
  writeFileSync(files.key, certificate.key);
  override();
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

/** The provider's certificate is of the tests' own CA, which fetch does not trust. */
const throughProvider = (authorizationUrl: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request(authorizationUrl, { ca: authority.cert }, (response) => {
      response.resume();
      resolve(response.headers.location ?? "");
    })
      .on("error", reject)
      .end();
  });

function override(members: Members = {}, methods: unknown = ["client_secret_basic"]): void {
  provider.overrides = {
    claims: without("at_hash"),
    metadata: (original) => ({
      ...original,
      token_endpoint_auth_methods_supported: methods,
      mtls_endpoint_aliases: { token_endpoint: `${provider.issuer}/token?alias` },
    }),
    token: (original) => ({ ...original, access_token: accessToken, ...members }),
    raw(path, _response, request) {
      if (path === "/token") tokenRequests.push({ url: request.url, certificate: peerOf(request.socket) });
      return false;
    },
  };
}

const CA = tempFile(authority.cert);
const env = (more: Record<string, string> = {}): Record<string, string> => {
  const baseUrl = `${provider.issuer}/up`;
  const rows = [
    { prefix: "/api", baseUrl, caFile: CA },
    { prefix: "/api/own", baseUrl, caFile: CA, token: "client" },
    { prefix: "/api/open", baseUrl, caFile: CA, token: "none" },
  ];
  writeFileSync(files.upstreams, JSON.stringify(rows));
  return {
    OIDC_CA_FILE: CA,
    OIDC_SENDER_CONSTRAINED: "mtls",
    OIDC_CLIENT_CERT_FILE: files.cert,
    OIDC_CLIENT_KEY_FILE: files.key,
    UPSTREAMS_FILE: files.upstreams,
    ...more,
  };
};

async function loggedIn(more: Record<string, string> = {}, clientSecret?: string): Promise<TestBrowser> {
  gateway = await startGateway({
    ...provider,
    ...(clientSecret === "" ? { clientSecret: undefined } : {}),
    env: env(more),
  });
  const browser = testBrowser(gateway.origin, throughProvider);
  const response = await browser.login();
  expect(response.headers.get("location"), gateway.log.join("")).toBe(`${gateway.origin}/`);
  return browser;
}

describe("OIDC_SENDER_CONSTRAINED=mtls", () => {
  it.each([
    ["client_secret_basic", {}, undefined],
    ["private_key_jwt", { OIDC_CLIENT_AUTH: "private_key_jwt" }, ""],
    ["tls_client_auth", { OIDC_CLIENT_AUTH: "tls_client_auth" }, ""],
  ])(
    "with %s the token request uses mtls_endpoint_aliases, and the upstream gets the same certificate",
    async (method, more, secret) => {
      override({}, [method]);
      const browser = await loggedIn(more, secret);
      expect((await browser.fetch("/api/x")).status).toBe(200);
      expect(tokenRequests).toEqual([{ url: "/token?alias", certificate: thumbprintOf(certificate) }]);
      expect(received).toEqual([
        { certificate: thumbprintOf(certificate), authorization: `Bearer ${accessToken}`, path: "/up/x" },
      ]);
    },
  );

  it("the gateway's own token is sent with the certificate too, and an upstream without a token gets none", async () => {
    const browser = await loggedIn();
    expect((await browser.fetch("/api/own/x")).status).toBe(200);
    expect((await browser.fetch("/api/open/x")).status).toBe(200);
    expect(received.map((each) => each.certificate)).toEqual([thumbprintOf(certificate), undefined]);
  });

  it("an own token of the gateway that is bound to another certificate is not sent: 503", async () => {
    const browser = await loggedIn();
    accessToken = boundTo(renewed);
    expect((await browser.fetch("/api/own/x")).status).toBe(503);
    expect(received).toEqual([]);
  });

  it.each<[string, Members, RegExp]>([
    ["another certificate", { access_token: boundTo(renewed) }, /bound to another certificate/],
    ["no certificate", { access_token: jwt({ sub: "alice" }) }, /not bound to a certificate/],
    ["a DPoP key", { access_token: jwt({ cnf: { jkt: "x" } }) }, /not bound to a certificate/],
    ["a DPoP key by its token_type", { token_type: "DPoP" }, /token_type is not Bearer/],
  ])("a login with an access token that is bound to %s is rejected", async (_title, members, reason) => {
    override(members);
    gateway = await startGateway({ ...provider, env: env() });
    expect((await testBrowser(gateway.origin, throughProvider).login()).status).toBe(400);
    expect(gateway.log.join("")).toMatch(reason);
  });

  it.each([
    ["an opaque access token", () => "opaque"],
    ["token_type bearer in lower case", () => boundTo(certificate)],
  ])("a token response with %s is accepted", async (_title, token) => {
    accessToken = token();
    override({ token_type: "bearer" });
    const browser = await loggedIn();
    expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it("a refresh with a token of another certificate keeps the session and the successor of the refresh token", async () => {
    override({ expires_in: 1 });
    const browser = await loggedIn();
    accessToken = boundTo(renewed);
    override({ expires_in: 1, refresh_token: "successor" });
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(503);
    accessToken = boundTo(certificate);
    override({ expires_in: 300 });
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.lastTokenRequest().body.get("refresh_token")).toBe("successor");
  });

  it("I8: a renewed certificate is used towards provider and upstreams without a restart", async () => {
    override({ expires_in: 2 });
    const browser = await loggedIn();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    writeFileSync(files.key, renewed.key);
    writeFileSync(files.cert, renewed.cert);
    accessToken = boundTo(renewed);
    await expect
      .poll(async () => {
        await browser.fetch("/api/x");
        const { certificate: used, authorization } = received.at(-1) ?? {};
        return [used, authorization];
      })
      .toEqual([thumbprintOf(renewed), `Bearer ${boundTo(renewed)}`]);
    expect(tokenRequests.at(-1)?.certificate).toBe(thumbprintOf(renewed));
  });
});

describe("the start with OIDC_SENDER_CONSTRAINED=mtls", () => {
  const BASE = {
    PUBLIC_ORIGIN: "http://localhost:3000",
    OIDC_ISSUER: "https://provider.test",
    OIDC_CLIENT_ID: "app",
    OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests",
    SECRET_KEYS: testKeys[0]!.toString("base64url"),
    OIDC_SENDER_CONSTRAINED: "mtls",
  };
  const CERT = { OIDC_CLIENT_CERT_FILE: tempFile(certificate.cert), OIDC_CLIENT_KEY_FILE: tempFile(certificate.key) };
  const rowsFile = (row: object) => tempFile(JSON.stringify([{ prefix: "/api", ...row }]));
  const own = { certFile: tempFile(certificate.cert), keyFile: tempFile(certificate.key) };
  it.each<[string, Record<string, string>, RegExp]>([
    ["no certificate", {}, /OIDC_CLIENT_CERT_FILE is required by OIDC_SENDER_CONSTRAINED=mtls/],
    ["a key only", { OIDC_CLIENT_KEY_FILE: tempFile(KEYS.ec) }, /OIDC_CLIENT_CERT_FILE is required/],
    ["an http issuer", { ...CERT, OIDC_ISSUER: "http://localhost:4000" }, /needs an https OIDC_ISSUER/],
    ["an http upstream", { ...CERT, UPSTREAMS: "/api=http://api:8000" }, /the upstream \/api needs an https baseUrl/],
    [
      "a row with a certificate of its own",
      { ...CERT, UPSTREAMS_FILE: rowsFile({ baseUrl: "https://api", ...own }) },
      /\/api may not have certFile and keyFile/,
    ],
  ])("OIDC_SENDER_CONSTRAINED=mtls with %s prevents startup with one sentence", (_title, more, sentence) => {
    expect(() => loadConfig({ ...BASE, ...more })).toThrow(sentence);
  });

  it.each<[string, object]>([
    ["an https upstream", { baseUrl: "https://api" }],
    ["an http upstream without a token", { baseUrl: "http://api", token: "none" }],
    ["a certificate of its own for an upstream without a token", { baseUrl: "https://api", token: "none", ...own }],
  ])("OIDC_SENDER_CONSTRAINED=mtls with %s starts", (_title, row) => {
    expect(loadConfig({ ...BASE, ...CERT, UPSTREAMS_FILE: rowsFile(row) }).upstreams).toHaveLength(1);
  });
});
