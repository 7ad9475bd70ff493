// Settings of the client authentication: missing and wrong files, keys and certificates prevent startup with one sentence.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { ConfigError, loadConfig } from "../../src/config/config.ts";
import { validityError } from "../../src/config/client-keys.ts";
import { jwkOf, KEYS, tempFile } from "../provider/client-key-files.ts";

const good = {
  OIDC_ISSUER: "http://localhost:8080/realms/demo",
  OIDC_CLIENT_ID: "cloakroom",
  SECRET_KEYS: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
};

function faultsOf(change: Record<string, string | undefined>): string[] {
  try {
    loadConfig({ ...good, ...change });
  } catch (error) {
    if (error instanceof ConfigError) return [...error.faults];
    throw error;
  }
  return [];
}

const authority = testAuthority();
const { cert, key } = authority.issue("client.example");
const file = { cert: tempFile(cert), key: tempFile(key), other: tempFile(KEYS.ec) };
const SECRET = { OIDC_CLIENT_SECRET: "a-secret-of-enough-length-for-hmac" };
const jwt = "e30.e30.c2ln";
const { privateKey: encrypted } = generateKeyPairSync("ed25519", {
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const pemOf = (type: "secp256k1" | "x25519" | "rsa1024") => {
  const pair =
    type === "secp256k1"
      ? generateKeyPairSync("ec", { namedCurve: type })
      : type === "x25519"
        ? generateKeyPairSync(type)
        : generateKeyPairSync("rsa", { modulusLength: 1_024 });
  return pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
};
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

describe("client authentication", () => {
  it.each<[string, Record<string, string>]>([
    ["a secret", SECRET],
    [
      "private_key_jwt without a secret",
      { OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: tempFile(KEYS.rsa) },
    ],
    ["a JWK", { OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: tempFile(jwkOf(privateKey)) }],
    [
      "a JWKS with two keys",
      {
        OIDC_CLIENT_AUTH: "private_key_jwt",
        OIDC_CLIENT_KEY_FILE: tempFile(`{"keys":[${jwkOf(privateKey)},${KEYS.jwkWithAlg}]}`),
      },
    ],
    [
      "a PEM key in SEC 1 form",
      {
        OIDC_CLIENT_AUTH: "private_key_jwt",
        OIDC_CLIENT_KEY_FILE: tempFile(privateKey.export({ type: "sec1", format: "pem" }) as string),
      },
    ],
    [
      "mutual TLS, the key being the second of its file",
      {
        OIDC_CLIENT_AUTH: "tls_client_auth",
        OIDC_CLIENT_CERT_FILE: file.cert,
        OIDC_CLIENT_KEY_FILE: tempFile(KEYS.ec + key),
      },
    ],
    ["assertion_file", { OIDC_CLIENT_AUTH: "assertion_file", OIDC_CLIENT_ASSERTION_FILE: tempFile(`${jwt}\n`) }],
    ["a private CA", { ...SECRET, OIDC_CA_FILE: tempFile(authority.cert) }],
  ])("%s is accepted", (_name, env) => {
    expect(faultsOf(env)).toEqual([]);
  });

  const jwtWith = (text: string) => ({ OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: tempFile(text) });
  const tls = { OIDC_CLIENT_AUTH: "tls_client_auth" };
  it.each<[string, Record<string, string>, RegExp]>([
    ["no secret", {}, /^OIDC_CLIENT_SECRET is required/],
    ["an unknown method", { ...SECRET, OIDC_CLIENT_AUTH: "basic" }, /^OIDC_CLIENT_AUTH must be one of/],
    ["post without a secret", { OIDC_CLIENT_AUTH: "client_secret_post" }, /^OIDC_CLIENT_SECRET is required/],
    [
      "a short secret for HS256",
      { OIDC_CLIENT_AUTH: "client_secret_jwt", OIDC_CLIENT_SECRET: "only-twenty-characte" },
      /^OIDC_CLIENT_SECRET must have at least 32 bytes/,
    ],
    [
      "private_key_jwt without a key",
      { OIDC_CLIENT_AUTH: "private_key_jwt" },
      /^OIDC_CLIENT_KEY_FILE is required by OIDC_CLIENT_AUTH=private_key_jwt/,
    ],
    [
      "a missing key file",
      { ...jwtWith(""), OIDC_CLIENT_KEY_FILE: "/nowhere/key" },
      /^OIDC_CLIENT_KEY_FILE names a file.*ENOENT/,
    ],
    ["a folder", { ...jwtWith(""), OIDC_CLIENT_KEY_FILE: "/" }, /^OIDC_CLIENT_KEY_FILE names a folder/],
    ["an empty key file", jwtWith(""), /^OIDC_CLIENT_KEY_FILE holds no private key/],
    [
      "a public key",
      jwtWith(publicKey.export({ type: "spki", format: "pem" }) as string),
      /^OIDC_CLIENT_KEY_FILE holds no private key/,
    ],
    ["a certificate", jwtWith(cert), /^OIDC_CLIENT_KEY_FILE holds no private key/],
    ["a key with a passphrase", jwtWith(encrypted), /^OIDC_CLIENT_KEY_FILE holds a private key with a passphrase/],
    [
      "a damaged key",
      jwtWith(KEYS.ec.replace(/[A-Za-z]{8}/, "AAAAAAAA")),
      /^OIDC_CLIENT_KEY_FILE holds (a private key that cannot be read|no private key)/,
    ],
    ["a short RSA key", jwtWith(pemOf("rsa1024")), /^OIDC_CLIENT_KEY_FILE holds a key that cannot sign/],
    ["another curve", jwtWith(pemOf("secp256k1")), /^OIDC_CLIENT_KEY_FILE holds a key that cannot sign/],
    ["a key for key agreement", jwtWith(pemOf("x25519")), /^OIDC_CLIENT_KEY_FILE holds a key that cannot sign/],
    ["broken JSON", jwtWith("{"), /^OIDC_CLIENT_KEY_FILE holds JSON that cannot be parsed/],
    ["an empty JWKS", jwtWith('{"keys":[]}'), /^OIDC_CLIENT_KEY_FILE holds no private key/],
    [
      "a public JWK",
      jwtWith(JSON.stringify(publicKey.export({ format: "jwk" }))),
      /^OIDC_CLIENT_KEY_FILE holds a public key only/,
    ],
    ["a symmetric JWK", jwtWith('{"kty":"oct","k":"c2VjcmV0"}'), /^OIDC_CLIENT_KEY_FILE holds a symmetric key/],
    [
      "a JWK with another alg",
      jwtWith(jwkOf(privateKey, { alg: "RS256" })),
      /^OIDC_CLIENT_KEY_FILE holds a JWK whose alg does not fit/,
    ],
    ["an unknown algorithm", { ...jwtWith(KEYS.ec), OIDC_CLIENT_ALG: "HS256" }, /^OIDC_CLIENT_ALG must be one of/],
    [
      "an algorithm of another key type",
      { ...jwtWith(KEYS.ec), OIDC_CLIENT_ALG: "RS256" },
      /^OIDC_CLIENT_ALG is RS256, but.*only with ES256/,
    ],
    [
      "mutual TLS without a certificate",
      { ...tls, OIDC_CLIENT_KEY_FILE: file.key },
      /^OIDC_CLIENT_CERT_FILE is required/,
    ],
    [
      "a certificate without a key",
      { ...SECRET, OIDC_CLIENT_CERT_FILE: file.cert },
      /^OIDC_CLIENT_CERT_FILE needs OIDC_CLIENT_KEY_FILE/,
    ],
    [
      "a key of another certificate",
      { ...tls, OIDC_CLIENT_CERT_FILE: file.cert, OIDC_CLIENT_KEY_FILE: file.other },
      /^OIDC_CLIENT_KEY_FILE holds no private key of the certificate/,
    ],
    [
      "a certificate file without a certificate",
      { ...tls, OIDC_CLIENT_CERT_FILE: file.key, OIDC_CLIENT_KEY_FILE: file.key },
      /^OIDC_CLIENT_CERT_FILE holds no certificate/,
    ],
    ["no assertion file", { OIDC_CLIENT_AUTH: "assertion_file" }, /^OIDC_CLIENT_ASSERTION_FILE is required/],
    [
      "a file without an assertion",
      { OIDC_CLIENT_AUTH: "assertion_file", OIDC_CLIENT_ASSERTION_FILE: tempFile("hello") },
      /^OIDC_CLIENT_ASSERTION_FILE names a file without a signed JWT/,
    ],
    [
      "an assertion file that is not used",
      { ...SECRET, OIDC_CLIENT_ASSERTION_FILE: tempFile(jwt) },
      /^OIDC_CLIENT_ASSERTION_FILE needs OIDC_CLIENT_AUTH=assertion_file/,
    ],
    ["a missing CA file", { ...SECRET, OIDC_CA_FILE: "/nowhere/ca" }, /^OIDC_CA_FILE names a file.*ENOENT/],
    ["a CA file without a certificate", { ...SECRET, OIDC_CA_FILE: file.key }, /^OIDC_CA_FILE holds no certificate/],
  ])("%s is one sentence", (_name, env, sentence) => {
    const faults = faultsOf(env);
    expect(faults).toEqual([expect.stringMatching(sentence)]);
    expect(faults[0]).toMatch(/\.$/);
    expect(faults[0]).not.toMatch(/secret-of|MII|e30\./);
  });

  it("an expired certificate and one that is not yet valid prevent startup with one sentence", () => {
    const certificate = new X509Certificate(cert);
    expect(validityError(certificate, Date.now())).toBeUndefined();
    expect(validityError(certificate, Date.now() + 40 * 86_400_000)).toMatch(/^holds a certificate that expired on 20/);
    expect(validityError(certificate, Date.now() - 40 * 86_400_000)).toMatch(/not valid before 20.*clock/);
  });
});

it("the commands of the guide make keys and a certificate that the gateway accepts", () => {
  const guide = readFileSync(`${import.meta.dirname}/../../../docs/guides/client-authentication.md`, "utf8");
  const commands = [...guide.matchAll(/^openssl .+$/gm)].map(([command]) => command);
  expect(commands.length).toBeGreaterThanOrEqual(4);
  const cwd = mkdtempSync(`${tmpdir()}/cloakroom-guide-`);
  for (const command of commands) execFileSync("sh", ["-c", command], { cwd, stdio: "ignore" });
  for (const name of ["client-key.pem", "client-rsa.pem"])
    expect(faultsOf({ OIDC_CLIENT_AUTH: "private_key_jwt", OIDC_CLIENT_KEY_FILE: `${cwd}/${name}` })).toEqual([]);
  const mutualTls = { OIDC_CLIENT_CERT_FILE: `${cwd}/client.pem`, OIDC_CLIENT_KEY_FILE: `${cwd}/client-key.pem` };
  expect(faultsOf({ OIDC_CLIENT_AUTH: "self_signed_tls_client_auth", ...mutualTls })).toEqual([]);
});
