// Private keys of each accepted type, and files that hold them.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const pem = ({ privateKey }: { privateKey: KeyObject }) =>
  privateKey.export({ type: "pkcs8", format: "pem" }) as string;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
export const jwkOf = (privateKey: KeyObject, more: object = {}) =>
  JSON.stringify({ ...privateKey.export({ format: "jwk" }), ...more });

export const KEYS = {
  rsa: pem(rsa),
  ec: pem(generateKeyPairSync("ec", { namedCurve: "P-256" })),
  p384: pem(generateKeyPairSync("ec", { namedCurve: "P-384" })),
  p521: pem(generateKeyPairSync("ec", { namedCurve: "P-521" })),
  ed25519: pem(generateKeyPairSync("ed25519")),
  jwkWithAlg: jwkOf(rsa.privateKey, { alg: "PS384", kid: "mine" }),
};

const folder = mkdtempSync(join(tmpdir(), "cloakroom-keys-"));
let count = 0;

/** @returns the path of a new file */
export function tempFile(content: string): string {
  const file = join(folder, `${++count}.txt`);
  writeFileSync(file, content);
  return file;
}
