// Client authentication at the provider: secrets (RFC 6749 §2.3.1), assertions (OIDC Core 1.0 §9, RFC 7523 §2.2) and mutual
// TLS (RFC 8705 §2).
import { createPublicKey } from "node:crypto";
import { calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from "jose";
import * as oidc from "openid-client";
import {
  algError,
  parseClientCertificate,
  readAssertion,
  readSecret,
  type ClientAuthConfig,
  type ClientAuthMethod,
  type ClientCertificate,
} from "../config/client-auth-settings.ts";
import { algsOf, parseClientKeys, validityError, type ClientAlg, type ClientKey } from "../config/client-keys.ts";
import { GatewayError } from "../errors.ts";
import { createFileValue, keepLastValid, type FileValue } from "./file-value.ts";

export type SigningKey = { key: CryptoKey; kid: string; alg: ClientAlg };

export type AlgLists = Readonly<Record<"assertion" | "request", readonly string[] | undefined>>;

export type ClientAuthentication = {
  /**
   * @returns the authentication of every request to this provider
   * @throws GatewayError provider_unavailable with setting and cure if the provider does not list the method
   */
  authenticationAt(metadata: Readonly<oidc.ServerMetadata>): AuthenticateClient;
  /** Whether the client's certificate authenticates it, so that the metadata's `mtls_endpoint_aliases` apply. */
  isMutualTls: boolean;
  /** Undefined without OIDC_CLIENT_CERT_FILE. */
  certificate: FileValue<ClientCertificate> | undefined;
  /**
   * @param listed algorithms in the provider's metadata
   * @returns the first key of OIDC_CLIENT_KEY_FILE
   * @throws GatewayError provider_unavailable
   */
  signingKey(listed: readonly string[] | undefined): Promise<SigningKey>;
  /**
   * Public keys for the provider, without private members.
   * @param lists algorithms in the provider's metadata for assertions and for signed requests
   * @returns undefined if neither the method nor OIDC_SIGNED_REQUEST uses keys
   */
  publicKeys(lists: AlgLists): Promise<JWK[] | undefined>;
  /** @returns a sentence while a file cannot be used or the certificate is not valid */
  alarm(): string | undefined;
};

/** An `oidc.ClientAuth`: its type says void, and openid-client awaits the promise. */
export type AuthenticateClient = (...request: Parameters<oidc.ClientAuth>) => void | Promise<void>;

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

type Options = { clientSecret: string | undefined; clientAuth: ClientAuthConfig; signedRequest: boolean };

export function createClientAuthentication({
  clientSecret,
  clientAuth: config,
  signedRequest,
}: Options): ClientAuthentication {
  const files = clientFiles(config, clientSecret);
  const { keys, certificate, secret, assertion } = files;
  const requireValue = <Value>(file: FileValue<Value> | undefined, setting: string): Value => {
    if (file === undefined) throw unavailable(`${setting} is required`);
    return file.current();
  };
  const signingKey: ClientAuthentication["signingKey"] = async (listed) => {
    const all = requireValue(keys, "OIDC_CLIENT_KEY_FILE");
    const [first] = all;
    if (first === undefined) throw unavailable("OIDC_CLIENT_KEY_FILE holds no key");
    const fault = config.alg && algError(all, config.alg);
    if (fault !== undefined) throw unavailable(fault);
    const alg = algorithmOf(first, config, listed);
    return { key: await cryptoKey(first, alg), kid: await kidOf(first), alg };
  };
  const algorithmsOf = (key: ClientKey, { assertion: assertions, request }: AlgLists): ClientAlg[] => [
    ...(config.method === "private_key_jwt" ? [algorithmOf(key, config, assertions)] : []),
    ...(signedRequest ? [algorithmOf(key, config, request)] : []),
  ];
  const secretOf = (): string => requireValue(secret, "OIDC_CLIENT_SECRET");
  const authenticate: Readonly<Record<ClientAuthMethod, AuthenticateClient>> = {
    client_secret_basic: (_server, client, _body, headers) =>
      headers.set("authorization", basicCredentials(client.client_id, secretOf())),
    client_secret_post: (...request) => oidc.ClientSecretPost(secretOf())(...request),
    client_secret_jwt: (...request) =>
      oidc.ClientSecretJwt(secretOf(), { [oidc.modifyAssertion]: (_header, payload) => omitNbf(payload) })(...request),
    async private_key_jwt(server, ...request) {
      const { key, kid, alg } = await signingKey(server.token_endpoint_auth_signing_alg_values_supported);
      const modify = (header: Record<string, unknown>, payload: Record<string, unknown>): void => {
        header["alg"] = alg;
        omitNbf(payload);
      };
      const sign: AuthenticateClient = oidc.PrivateKeyJwt({ key, kid }, { [oidc.modifyAssertion]: modify });
      await sign(server, ...request);
    },
    tls_client_auth: oidc.TlsClientAuth(),
    self_signed_tls_client_auth: oidc.TlsClientAuth(),
    assertion_file(_server, client, body) {
      body.set("client_id", client.client_id);
      body.set("client_assertion_type", JWT_BEARER);
      body.set("client_assertion", requireValue(assertion, "OIDC_CLIENT_ASSERTION_FILE"));
    },
  };
  return {
    authenticationAt: (metadata) =>
      authenticate[chosenMethod(config.method, metadata.token_endpoint_auth_methods_supported)],
    isMutualTls: config.method === "tls_client_auth" || config.method === "self_signed_tls_client_auth",
    certificate,
    signingKey,
    async publicKeys(lists) {
      const signs = config.method === "private_key_jwt" || signedRequest;
      const own = signs ? requireValue(keys, "OIDC_CLIENT_KEY_FILE") : [];
      const published = await Promise.all(own.map((key) => publicJwk(key, algorithmsOf(key, lists))));
      if (config.method !== "self_signed_tls_client_auth") return signs ? published : undefined;
      const ofCertificate = await certificateJwk(requireValue(certificate, "OIDC_CLIENT_CERT_FILE"));
      return [ofCertificate, ...published.filter(({ kid }) => kid !== ofCertificate.kid)];
    },
    alarm: () => fileAlarm(files),
  };
}

type ClientFiles = ReturnType<typeof clientFiles>;

function clientFiles(config: ClientAuthConfig, secret: string | undefined) {
  const { secretFile, keyFile, certFile, assertionFile } = config;
  const key = { setting: "OIDC_CLIENT_KEY_FILE", path: keyFile ?? "" };
  const cert = { setting: "OIDC_CLIENT_CERT_FILE", path: certFile ?? "" };
  return {
    keys: keyFile === undefined ? undefined : createFileValue([key], (text = "") => named(key.setting, text)),
    certificate:
      keyFile === undefined || certFile === undefined
        ? undefined
        : createFileValue([cert, key], (certText = "", keyText = "") => parseClientCertificate(certText, keyText)),
    secret: secret === undefined ? undefined : keepLastValid(() => readSecret(secretFile, secret), { value: secret }),
    assertion: assertionFile === undefined ? undefined : keepLastValid(() => readAssertion(assertionFile)),
  };
}

function named(setting: string, text: string) {
  const parsed = parseClientKeys(text);
  return "fault" in parsed ? { fault: `${setting} ${parsed.fault}` } : parsed;
}

function fileAlarm(files: ClientFiles): string | undefined {
  const used = Object.values(files).filter((file) => file !== undefined);
  try {
    for (const file of used) void file.current();
    const invalid = files.certificate && validityError(files.certificate.current().leaf, Date.now());
    if (invalid !== undefined) return `OIDC_CLIENT_CERT_FILE ${invalid}`;
  } catch (error) {
    return error instanceof GatewayError ? error.reason : undefined;
  }
  return used.map((file) => file.fault()).find((fault) => fault !== undefined);
}

/** Name in the metadata: the provider verifies an assertion of another issuer like one of ours. */
const LISTED_AS: Readonly<Partial<Record<ClientAuthMethod, string>>> = { assertion_file: "private_key_jwt" };

/** @throws GatewayError provider_unavailable if the provider's metadata lists other methods only */
function chosenMethod(method: ClientAuthMethod | undefined, supported: readonly unknown[] | undefined) {
  const listed = (supported ?? []).filter((each) => typeof each === "string");
  // OIDC Discovery 1.0 §3: the default is client_secret_basic. An explicit choice is tried.
  if (listed.length === 0) return method ?? "client_secret_basic";
  const names = listed.filter((each) => /^[\w.:-]{1,64}$/.test(each)).slice(0, 12);
  if (method === undefined) {
    const found = (["client_secret_basic", "client_secret_post"] as const).find((each) => listed.includes(each));
    if (found !== undefined) return found;
    throw unavailable(
      `OIDC_CLIENT_AUTH is not set, and the provider accepts neither client_secret_basic nor client_secret_post. It lists ${names.join(", ")}. Set OIDC_CLIENT_AUTH to one of them`,
    );
  }
  if (listed.includes(LISTED_AS[method] ?? method)) return method;
  throw unavailable(
    `OIDC_CLIENT_AUTH is ${method}, which the provider does not list in token_endpoint_auth_methods_supported. It lists ${names.join(", ")}. Set OIDC_CLIENT_AUTH to one of them, or switch the method on at the provider`,
  );
}

/**
 * RFC 6749 §2.3.1: form-encoded, then base64. Encoded as browsers do it (`-`, `.`, `_` unchanged), so that providers that do
 * not decode accept the usual ids and secrets; openid-client encodes these characters too.
 */
function basicCredentials(clientId: string, secret: string): string {
  const encode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1);
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString("base64")}`;
}

/** `nbf` is optional, and a provider whose clock is behind ours rejects it. */
function omitNbf(payload: Record<string, unknown>): void {
  delete payload["nbf"];
}

type AlgRules = Pick<ClientAuthConfig, "alg" | "allowedAlgs">;

/**
 * PS256 where the provider lists it (FAPI 2.0 §5.4.1), RS256 otherwise (OIDC Core 1.0 §15.1).
 * @throws GatewayError provider_unavailable if OIDC_PROFILE allows no algorithm of the key
 */
function algorithmOf(key: ClientKey, { alg, allowedAlgs }: AlgRules, listed: readonly string[] = []): ClientAlg {
  const fitting = algsOf(key.privateKey).filter((each) => allowedAlgs.includes(each));
  const wanted = alg ?? key.alg;
  if (wanted !== undefined && fitting.includes(wanted)) return wanted;
  const isRsa = key.privateKey.asymmetricKeyType === "rsa";
  const preferred = isRsa ? (["PS256", "RS256"] as const).filter((each) => fitting.includes(each)) : fitting;
  const usual = preferred.at(-1);
  if (usual === undefined)
    throw unavailable(
      `OIDC_CLIENT_KEY_FILE holds a key that cannot sign with ${allowedAlgs.join(", ")}, which OIDC_PROFILE allows. Use another key`,
    );
  const found = preferred.find((each) => listed.includes(each)) ?? fitting.find((each) => listed.includes(each));
  return found ?? (usual === "Ed25519" ? "EdDSA" : usual);
}

const imported = new WeakMap<ClientKey, Map<string, Promise<CryptoKey>>>();

function cryptoKey(key: ClientKey, alg: ClientAlg): Promise<CryptoKey> {
  const byAlg = imported.get(key) ?? new Map<string, Promise<CryptoKey>>();
  imported.set(key, byAlg);
  const known = byAlg.get(alg);
  if (known !== undefined) return known;
  const created = importJWK(key.privateKey.export({ format: "jwk" }) as JWK, alg) as Promise<CryptoKey>;
  byAlg.set(alg, created);
  return created;
}

/** Exported from the public key, so that no private member can be part of it. */
const publicPart = (key: ClientKey): JWK => createPublicKey(key.privateKey).export({ format: "jwk" }) as JWK;

/** RFC 7638, unless the JWK has a `kid` of its own. */
async function kidOf(key: ClientKey): Promise<string> {
  return key.kid ?? calculateJwkThumbprint(publicPart(key));
}

/** Without `alg` if assertions and signed requests are signed with different ones. */
async function publicJwk(key: ClientKey, [alg, ...others]: readonly (ClientAlg | undefined)[]): Promise<JWK> {
  const isOne = alg !== undefined && others.every((other) => other === alg);
  return { ...publicPart(key), kid: await kidOf(key), use: "sig", ...(isOne ? { alg } : {}) };
}

/** RFC 8705 §2.2.2: the provider compares the certificate of the connection with `x5c`. */
async function certificateJwk({ leaf, chain }: ClientCertificate): Promise<JWK> {
  const jwk = leaf.publicKey.export({ format: "jwk" }) as JWK;
  return {
    ...jwk,
    kid: await calculateJwkThumbprint(jwk),
    use: "sig",
    x5c: chain.map((der) => der.toString("base64")),
  };
}

function unavailable(reason: string): GatewayError {
  return new GatewayError("provider_unavailable", { reason });
}
