// Settings of the client authentication at the provider (RFC 6749 §2.3, OIDC Core 1.0 §9, RFC 8705, RFC 7523), and the
// rules that involve several of them.
import type { X509Certificate } from "node:crypto";
import { z } from "zod";
import {
  algsOf,
  CLIENT_ALGS,
  keyOfCertificate,
  parseCertificates,
  parseClientKeys,
  validityError,
  type ClientAlg,
  type ClientKey,
  type Parsed,
} from "./client-keys.ts";
import { filePath, type Setting } from "./setting-shapes.ts";
import { readTextFile, readValueFile } from "./setting-text.ts";

const CLIENT_AUTH_METHODS = [
  ...(["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"] as const),
  ...(["tls_client_auth", "self_signed_tls_client_auth", "assertion_file"] as const),
] as const;
export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number];

export const CLIENT_AUTH_SETTINGS = {
  OIDC_CLIENT_AUTH: {
    path: "provider.clientAuth",
    scope: "application",
    schema: z.enum(CLIENT_AUTH_METHODS, { error: `must be one of ${CLIENT_AUTH_METHODS.join(", ")}` }),
    meaning: `Client authentication: ${CLIENT_AUTH_METHODS.map((each) => `\`${each}\``).join(", ")}. Unset: \`client_secret_basic\` if the provider's metadata lists it or lists nothing, else \`client_secret_post\` if it lists that`,
  },
  OIDC_CLIENT_SECRET: {
    path: "provider.clientSecret",
    scope: "application",
    schema: z.string().min(16, "must have at least 16 characters"),
    secret: true,
    isReread: true,
    meaning:
      "Client secret at the provider. Required unless the method of `OIDC_CLIENT_AUTH` uses none. A file is read again for each use",
  },
  OIDC_CLIENT_KEY_FILE: {
    path: "provider.clientKeyFile",
    scope: "application",
    schema: filePath,
    meaning:
      "File with the client's private keys, for `private_key_jwt`, signed requests and mutual TLS: PEM (PKCS#8), JWK or JWKS. Several keys: the first one signs, all are published at `/bff/jwks.json`. Read again when it changes",
  },
  OIDC_CLIENT_CERT_FILE: {
    path: "provider.clientCertFile",
    scope: "application",
    schema: filePath,
    meaning:
      "PEM file with the client's certificate (and its chain), for mutual TLS; its key is in `OIDC_CLIENT_KEY_FILE`. Read again when it changes",
  },
  OIDC_CLIENT_ASSERTION_FILE: {
    path: "provider.clientAssertionFile",
    scope: "application",
    schema: filePath,
    meaning:
      "File with a JWT that authenticates the client (RFC 7523), for `assertion_file`, such as a Kubernetes service account token. Read again for each use",
  },
  OIDC_CLIENT_ALG: {
    path: "provider.clientAlg",
    scope: "application",
    schema: z.enum(CLIENT_ALGS, { error: `must be one of ${CLIENT_ALGS.join(", ")}` }),
    meaning:
      "Signature algorithm of client assertions and signed requests. Unset: `alg` of the JWK, else by the key: RSA `PS256` if the provider lists it, else `RS256`; EC `ES256`, `ES384` or `ES512`; Ed25519 `EdDSA`",
  },
} as const satisfies Record<string, Setting>;

export type ClientAuthConfig = Readonly<{
  /** Undefined: chosen by the provider's metadata. */
  method: ClientAuthMethod | undefined;
  /** Path in OIDC_CLIENT_SECRET_FILE: read again for each use. */
  secretFile: string | undefined;
  keyFile: string | undefined;
  certFile: string | undefined;
  assertionFile: string | undefined;
  alg: (typeof CLIENT_ALGS)[number] | undefined;
  /** Algorithms that OIDC_PROFILE allows. */
  allowedAlgs: readonly ClientAlg[];
}>;

type SettingValues = {
  [N in keyof typeof CLIENT_AUTH_SETTINGS]?: z.output<(typeof CLIENT_AUTH_SETTINGS)[N]["schema"]>;
};

export function clientAuthConfig(
  values: SettingValues,
  secretFile: string | undefined,
  allowedAlgs: readonly ClientAlg[] = CLIENT_ALGS,
): ClientAuthConfig {
  return {
    method: values.OIDC_CLIENT_AUTH,
    secretFile,
    keyFile: values.OIDC_CLIENT_KEY_FILE,
    certFile: values.OIDC_CLIENT_CERT_FILE,
    assertionFile: values.OIDC_CLIENT_ASSERTION_FILE,
    alg: values.OIDC_CLIENT_ALG,
    allowedAlgs,
  };
}

type FileSetting = "OIDC_CLIENT_KEY_FILE" | "OIDC_CLIENT_CERT_FILE" | "OIDC_CLIENT_ASSERTION_FILE";

const FILES_OF: Readonly<Record<ClientAuthMethod, readonly FileSetting[]>> = {
  client_secret_basic: [],
  client_secret_post: [],
  client_secret_jwt: [],
  private_key_jwt: ["OIDC_CLIENT_KEY_FILE"],
  tls_client_auth: ["OIDC_CLIENT_CERT_FILE", "OIDC_CLIENT_KEY_FILE"],
  self_signed_tls_client_auth: ["OIDC_CLIENT_CERT_FILE", "OIDC_CLIENT_KEY_FILE"],
  assertion_file: ["OIDC_CLIENT_ASSERTION_FILE"],
};

/** RFC 7518 §3.2: HS256 needs a key of at least 256 bits. */
const MIN_HMAC_BYTES = 32;

/** @param isSet true for invalid values too, so that their own error is the only one reported */
export function clientAuthErrors(values: SettingValues, isSet: (name: keyof SettingValues) => boolean): string[] {
  const method = values.OIDC_CLIENT_AUTH;
  if (method === undefined && isSet("OIDC_CLIENT_AUTH")) return [];
  const faults: string[] = [];
  if ((method === undefined || method.startsWith("client_secret")) && !isSet("OIDC_CLIENT_SECRET"))
    faults.push(
      "OIDC_CLIENT_SECRET is required. Set OIDC_CLIENT_SECRET or OIDC_CLIENT_SECRET_FILE: client secret at the provider; or choose a method without a secret by OIDC_CLIENT_AUTH.",
    );
  if (method === "client_secret_jwt" && Buffer.byteLength(values.OIDC_CLIENT_SECRET ?? "x".repeat(32)) < MIN_HMAC_BYTES)
    faults.push(
      `OIDC_CLIENT_SECRET must have at least ${MIN_HMAC_BYTES} bytes for OIDC_CLIENT_AUTH=client_secret_jwt (RFC 7518 §3.2). Generate a longer one at the provider.`,
    );
  for (const name of method === undefined ? [] : FILES_OF[method])
    if (!isSet(name)) faults.push(`${name} is required by OIDC_CLIENT_AUTH=${method}. Set it.`);
  if (isSet("OIDC_CLIENT_ASSERTION_FILE") && method !== "assertion_file")
    faults.push("OIDC_CLIENT_ASSERTION_FILE needs OIDC_CLIENT_AUTH=assertion_file. Set it, or unset the file.");
  if (isSet("OIDC_CLIENT_CERT_FILE") && !isSet("OIDC_CLIENT_KEY_FILE"))
    faults.push("OIDC_CLIENT_CERT_FILE needs OIDC_CLIENT_KEY_FILE, the private key of the certificate. Set it.");
  return [...faults, ...fileErrors(values)];
}

function fileErrors(values: SettingValues): string[] {
  const { OIDC_CLIENT_KEY_FILE: keyFile, OIDC_CLIENT_CERT_FILE: certFile } = values;
  const { OIDC_CLIENT_ASSERTION_FILE: assertionFile, OIDC_CLIENT_ALG: alg } = values;
  const faults: string[] = [];
  if (keyFile !== undefined && certFile !== undefined)
    faults.push(...faultOf(readClientCertificate(certFile, keyFile)));
  else if (keyFile !== undefined) faults.push(...faultOf(readClientKeys(keyFile)));
  if (assertionFile !== undefined) faults.push(...faultOf(readAssertion(assertionFile)));
  if (alg !== undefined && keyFile !== undefined && values.OIDC_CLIENT_AUTH === "private_key_jwt") {
    const keys = readClientKeys(keyFile);
    const fault = "value" in keys ? algError(keys.value, alg) : undefined;
    if (fault !== undefined) faults.push(`${fault}.`);
  }
  return faults;
}

function faultOf(parsed: Parsed<unknown>): string[] {
  return "fault" in parsed ? [`${parsed.fault}.`] : [];
}

/** @returns a sentence if the first key cannot sign with the algorithm of OIDC_CLIENT_ALG */
export function algError([first]: readonly ClientKey[], alg: (typeof CLIENT_ALGS)[number]): string | undefined {
  const fitting = first === undefined ? [] : algsOf(first.privateKey);
  if (fitting.includes(alg)) return undefined;
  return `OIDC_CLIENT_ALG is ${alg}, but the first key of OIDC_CLIENT_KEY_FILE can sign only with ${fitting.join(", ")}. Correct one of the two`;
}

/** @returns a fault as a whole sentence */
export function readClientKeys(keyFile: string): Parsed<ClientKey[]> {
  const content = readTextFile(keyFile);
  return named("OIDC_CLIENT_KEY_FILE", "fault" in content ? content : parseClientKeys(content.text));
}

function named<Value>(setting: string, parsed: Parsed<Value>): Parsed<Value> {
  return "fault" in parsed ? { fault: `${setting} ${parsed.fault}` } : parsed;
}

/** @returns the certificate with its key; a fault as a whole sentence */
function readClientCertificate(certFile: string, keyFile: string): Parsed<ClientCertificate> {
  const cert = readTextFile(certFile);
  if ("fault" in cert) return named("OIDC_CLIENT_CERT_FILE", cert);
  const key = readTextFile(keyFile);
  if ("fault" in key) return named("OIDC_CLIENT_KEY_FILE", key);
  const parsed = parseClientCertificate(cert.text, key.text);
  if ("fault" in parsed) return parsed;
  const invalid = validityError(parsed.value.leaf, Date.now());
  return invalid === undefined ? parsed : { fault: `OIDC_CLIENT_CERT_FILE ${invalid}` };
}

export type ClientCertificate = {
  leaf: X509Certificate;
  /** The certificate and its chain, in PEM. */
  cert: string;
  /** In PEM (PKCS#8). */
  key: string;
  /** DER of the certificate and its chain. */
  chain: Buffer[];
};

/** @returns the certificate with its key, whatever its validity; a fault as a whole sentence */
export function parseClientCertificate(certText: string, keyText: string): Parsed<ClientCertificate> {
  const keys = named("OIDC_CLIENT_KEY_FILE", parseClientKeys(keyText));
  if ("fault" in keys) return keys;
  const chain = named("OIDC_CLIENT_CERT_FILE", parseCertificates(certText));
  if ("fault" in chain) return chain;
  const [leaf] = chain.value;
  const own = leaf && keyOfCertificate(keys.value, leaf);
  if (leaf === undefined || own === undefined)
    return {
      fault:
        "OIDC_CLIENT_KEY_FILE holds no private key of the certificate in OIDC_CLIENT_CERT_FILE. Correct one of the two",
    };
  return {
    value: {
      leaf,
      cert: chain.value.map((each) => each.toString()).join(""),
      key: own.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      chain: chain.value.map((each) => each.raw),
    },
  };
}

/** Header, payload and signature in base64url. The provider verifies the token. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** @returns a fault as a whole sentence, without the content */
export function readAssertion(file: string): Parsed<string> {
  const content = readValueFile(file);
  if ("fault" in content) return { fault: `OIDC_CLIENT_ASSERTION_FILE ${content.fault}` };
  if (JWT.test(content.text)) return { value: content.text };
  return { fault: "OIDC_CLIENT_ASSERTION_FILE names a file without a signed JWT. Write one into it" };
}

/**
 * @param secret value of a secret that is not in a file
 * @returns a fault as a whole sentence, without the content
 */
export function readSecret(file: string | undefined, secret: string): Parsed<string> {
  if (file === undefined) return { value: secret };
  const content = readValueFile(file);
  return "fault" in content
    ? { fault: `the file of the client secret (OIDC_CLIENT_SECRET_FILE) ${content.fault}` }
    : { value: content.text };
}
