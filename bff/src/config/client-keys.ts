// Private keys of the client: parses PEM, JWK and JWKS (RFC 7517), and matches keys with algorithms and certificates.
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";

/** RFC 7518 §3.1 and RFC 8037; `Ed25519` is the name of RFC 9864 for EdDSA with this curve. */
export const CLIENT_ALGS = [
  ...(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const),
  ...(["ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const),
] as const;
export type ClientAlg = (typeof CLIENT_ALGS)[number];

/** A private key that can sign with at least one of CLIENT_ALGS. */
export type ClientKey = {
  privateKey: KeyObject;
  /** Member `alg` of a JWK. */
  alg: ClientAlg | undefined;
  /** Member `kid` of a JWK. */
  kid: string | undefined;
};

/** A parsed value, or what is wrong with it: the rest of a sentence that begins with the setting's name. */
export type Parsed<Value> = { value: Value } | { fault: string };

const MIN_RSA_BITS = 2_048;
const MAX_KEYS = 10;
const PEM_KEY = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]+?-----END \1PRIVATE KEY-----/g;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

const NO_KEY =
  "holds no private key. Write a PEM key (PKCS#8, -----BEGIN PRIVATE KEY-----), a private JWK or a JWKS into it";
const WRONG_TYPE =
  "holds a key that cannot sign. Use RSA with at least 2048 bits, EC with P-256, P-384 or P-521, or Ed25519";
const UNREADABLE = "holds a private key that cannot be read. Replace it";

/** @returns the keys in the order of the file; the first one signs */
export function parseClientKeys(text: string): Parsed<ClientKey[]> {
  const found = text.trimStart().startsWith("{") ? parseJwks(text) : parsePem(text);
  if ("fault" in found) return found;
  if (found.value.length === 0) return { fault: NO_KEY };
  if (found.value.length > MAX_KEYS) return { fault: `holds more than ${MAX_KEYS} keys. Remove the old ones` };
  return found.value.some((key) => algsOf(key.privateKey).length === 0) ? { fault: WRONG_TYPE } : found;
}

function parsePem(text: string): Parsed<ClientKey[]> {
  const blocks = [...text.matchAll(PEM_KEY)];
  if (blocks.some(([block, type]) => type === "ENCRYPTED " || block.includes("Proc-Type:")))
    return {
      fault: "holds a private key with a passphrase. Decrypt it (openssl pkey), and let only the gateway read it",
    };
  try {
    return { value: blocks.map(([pem]) => ({ privateKey: createPrivateKey(pem), alg: undefined, kid: undefined })) };
  } catch {
    return { fault: UNREADABLE };
  }
}

type Jwk = Record<string, unknown>;

function parseJwks(text: string): Parsed<ClientKey[]> {
  let parsed: Jwk;
  try {
    parsed = JSON.parse(text) as Jwk;
  } catch {
    return { fault: "holds JSON that cannot be parsed. Write a private JWK or a JWKS into it" };
  }
  const jwks: unknown[] = Array.isArray(parsed["keys"]) ? parsed["keys"] : [parsed];
  const keys: ClientKey[] = [];
  for (const jwk of jwks) {
    if (typeof jwk !== "object" || jwk === null) return { fault: NO_KEY };
    const key = parseJwk(jwk as Jwk);
    if ("fault" in key) return key;
    keys.push(key.value);
  }
  return { value: keys };
}

function parseJwk(jwk: Jwk): Parsed<ClientKey> {
  const { kty, d, alg, kid } = jwk;
  if (kty === "oct") return { fault: "holds a symmetric key (kty oct). Use an asymmetric one" };
  if (typeof d !== "string")
    return { fault: "holds a public key only (a JWK without the member d). Use the private key" };
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  } catch {
    return { fault: UNREADABLE };
  }
  const known = algsOf(privateKey).find((each) => each === alg);
  if (alg !== undefined && known === undefined)
    return { fault: "holds a JWK whose alg does not fit its key. Correct alg or remove it" };
  return { value: { privateKey, alg: known, kid: typeof kid === "string" && kid !== "" ? kid : undefined } };
}

const EC_ALGS: Readonly<Record<string, readonly ClientAlg[]>> = {
  prime256v1: ["ES256"],
  secp384r1: ["ES384"],
  secp521r1: ["ES512"],
};

/** @returns the algorithms that the key can sign with, none for a type that is not accepted */
export function algsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly ClientAlg[] {
  if (asymmetricKeyType === "rsa")
    return (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS
      ? []
      : CLIENT_ALGS.filter((alg) => /^[RP]S/.test(alg));
  if (asymmetricKeyType === "ec") return EC_ALGS[asymmetricKeyDetails?.namedCurve ?? ""] ?? [];
  return asymmetricKeyType === "ed25519" ? ["EdDSA", "Ed25519"] : [];
}

/** @returns the certificates of the file; the first one is the client's */
export function parseCertificates(text: string): Parsed<X509Certificate[]> {
  const found = text.match(CERTIFICATE);
  if (found === null) return { fault: "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----). Convert it" };
  try {
    return { value: found.map((pem) => new X509Certificate(pem)) };
  } catch {
    return { fault: "holds a certificate that cannot be read. Replace it" };
  }
}

/** @returns what is wrong with the validity of the client's certificate now */
export function validityError(certificate: X509Certificate, nowMs: number): string | undefined {
  if (nowMs > Date.parse(certificate.validTo))
    return `holds a certificate that expired on ${dayOf(certificate.validTo)}. Renew it`;
  if (nowMs < Date.parse(certificate.validFrom))
    return `holds a certificate that is not valid before ${dayOf(certificate.validFrom)}. Check the clock or the certificate`;
  return undefined;
}

function dayOf(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}

/** @returns the private key of the certificate */
export function keyOfCertificate(keys: readonly ClientKey[], certificate: X509Certificate): ClientKey | undefined {
  return keys.find(({ privateKey }) => certificate.checkPrivateKey(privateKey));
}
