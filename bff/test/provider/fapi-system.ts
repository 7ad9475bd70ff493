// Provider, API and gateway for the tests of OIDC_PROFILE. The provider listens with TLS and asks for client certificates.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from "jose";
import { expect } from "vitest";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { KEYS, tempFile } from "./client-key-files.ts";

const authority = testAuthority();
const server = authority.issue("127.0.0.1");
const certificate = authority.issue("client.example");
export const fingerprint = new X509Certificate(certificate.cert).fingerprint256;
const caFile = tempFile(authority.cert);
const mutualTls = {
  OIDC_CLIENT_CERT_FILE: tempFile(certificate.cert),
  OIDC_CLIENT_KEY_FILE: tempFile(certificate.key),
};

export type Mode = { auth: string; binding: "dpop" | "mtls"; env: Record<string, string> };

export const MODES: [string, Mode][] = [
  [
    "private_key_jwt with an RSA key (PS256), DPoP",
    { auth: "private_key_jwt", binding: "dpop", env: { OIDC_CLIENT_KEY_FILE: tempFile(KEYS.rsa) } },
  ],
  [
    "private_key_jwt with an Ed25519 key, DPoP",
    { auth: "private_key_jwt", binding: "dpop", env: { OIDC_CLIENT_KEY_FILE: tempFile(KEYS.ed25519) } },
  ],
  ["tls_client_auth, DPoP", { auth: "tls_client_auth", binding: "dpop", env: mutualTls }],
  ["private_key_jwt, mTLS-bound tokens", { auth: "private_key_jwt", binding: "mtls", env: mutualTls }],
  ["tls_client_auth, mTLS-bound tokens", { auth: "tls_client_auth", binding: "mtls", env: mutualTls }],
  ["self_signed_tls_client_auth, DPoP", { auth: "self_signed_tls_client_auth", binding: "dpop", env: mutualTls }],
];

type Profile = "fapi2" | "fapi2-message-signing";
type Change = (original: Record<string, unknown>) => Record<string, unknown>;

export type FapiSystem = {
  mode: Mode;
  provider: HostileProvider;
  apiUrl: string;
  /** Requests that the API received. */
  received: {
    authorization: string | undefined;
    dpop: string | undefined;
    /** Fingerprint of the client certificate, if the API listens with TLS. */
    certificate: string | undefined;
  }[];
  /** @returns whether the API has responded */
  respond: (response: ServerResponse) => boolean;
  /** Metadata that meets the profile. */
  metadata: Change;
  /** Overrides of the provider, which meets the profile in all other points. */
  override(overrides?: Partial<Overrides>): void;
  reset(): void;
  start(): Promise<TestGateway>;
  stop(): Promise<void>;
};

export async function startFapiSystem(mode: Mode, profile: Profile = "fapi2"): Promise<FapiSystem> {
  const tls = { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  const provider = await startHostileProvider({ alg: "PS256", tls });
  const handle: RequestListener = (req, res) => {
    const { authorization, dpop } = req.headers;
    const shown = (req.socket as Partial<TLSSocket>).getPeerCertificate?.()?.fingerprint256;
    system.received.push({ authorization, dpop: dpop as string | undefined, certificate: shown });
    if (!system.respond(res)) res.end("{}");
  };
  const isBoundByTls = mode.binding === "mtls";
  const api = (isBoundByTls ? createTlsServer(tls, handle) : createServer(handle)).listen(0, "127.0.0.1");
  await once(api, "listening");
  const apiUrl = `${isBoundByTls ? "https" : "http"}://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const rows = tempFile(JSON.stringify([{ prefix: "/api", baseUrl: apiUrl, ...(isBoundByTls ? { caFile } : {}) }]));
  const tokenType = mode.binding === "dpop" ? "DPoP" : "Bearer";
  const system: FapiSystem = {
    ...{ mode, provider, apiUrl },
    received: [],
    respond: () => false,
    metadata: metadataOf(provider, mode),
    override(overrides = {}) {
      provider.overrides = {
        ...overrides,
        metadata: overrides.metadata ?? system.metadata,
        token: (original) => (overrides.token ?? ((same) => same))({ ...original, token_type: tokenType }),
      };
    },
    reset() {
      provider.posts.length = 0;
      system.received.length = 0;
      system.respond = () => false;
      system.override();
    },
    start: () =>
      startGateway({
        ...{ issuer: provider.issuer, clientId: provider.clientId, clientSecret: undefined },
        env: { ...profileEnv(mode), OIDC_PROFILE: profile, UPSTREAMS_FILE: rows, OIDC_TIMEOUT_SECONDS: "30" },
      }),
    async stop() {
      api.closeAllConnections();
      api.close();
      await provider.stop();
    },
  };
  system.reset();
  return system;
}

/** The profile's settings come from OIDC_PROFILE alone, except the method and its files. */
function profileEnv({ auth, binding, env }: Mode): Record<string, string> {
  return {
    OIDC_CA_FILE: caFile,
    ...env,
    ...(auth === "private_key_jwt" ? {} : { OIDC_CLIENT_AUTH: auth }),
    ...(binding === "dpop" ? {} : { OIDC_SENDER_CONSTRAINED: binding }),
  };
}

function metadataOf(provider: HostileProvider, { auth, binding }: Mode): Change {
  return (original) => ({
    ...original,
    pushed_authorization_request_endpoint: `${provider.issuer}/pushed`,
    require_pushed_authorization_requests: true,
    response_modes_supported: ["query", "jwt"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: [auth],
    ...(binding === "dpop"
      ? { dpop_signing_alg_values_supported: ["PS256", "ES256"] }
      : { tls_client_certificate_bound_access_tokens: true }),
  });
}

/** Follows the authorization request like a browser that has no client certificate. */
export function throughProvider(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca: authority.cert }, (response) => resolve(response.headers.location ?? ""))
      .on("error", reject)
      .end();
  });
}

/** What the conformance suite checks of every request to the provider. */
export async function checkClientAuthentication({ mode, provider }: FapiSystem, gateway: TestGateway): Promise<void> {
  const ids = new Set<unknown>();
  for (const { path, body, headers, certificate: shown } of provider.posts) {
    expect(headers.authorization, path).toBeUndefined();
    expect(body.get("client_secret"), path).toBeNull();
    if (mode.auth !== "private_key_jwt") {
      expect(shown, path).toBe(fingerprint);
      continue;
    }
    const { payload, protectedHeader } = await verifyWithPublishedKeys(gateway, body.get("client_assertion") ?? "");
    expect(protectedHeader.kid).toBeDefined();
    expect(payload).toMatchObject({ iss: provider.clientId, sub: provider.clientId, exp: expect.any(Number) });
    // FAPI 2.0 §5.3.3.1: the issuer, as a string.
    expect(payload.aud).toBe(provider.issuer);
    expect(ids.has(payload.jti)).toBe(false);
    ids.add(payload.jti);
  }
}

export async function verifyWithPublishedKeys(gateway: TestGateway, jwt: string) {
  const jwks = (await (await fetch(`${gateway.origin}/bff/jwks.json`)).json()) as JSONWebKeySet;
  return jwtVerify(jwt, createLocalJWKSet(jwks), { algorithms: ["PS256", "ES256", "EdDSA"] });
}
