// Authenticated encryption under the master keys. Every purpose and context derives its own key by HKDF (RFC 5869);
// the key id in front lets the operator put a new key first while the old ones still open what they sealed.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { decodeBase64Url } from "./base64url.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;

export type Sealer = {
  /** @param context mixed into the key and authenticated: what was sealed for one context opens in no other. */
  seal(plaintext: string, context: string): string;
  /** @returns undefined for anything that was not sealed for this purpose and context, or by a key that is gone. */
  open(sealed: string, context: string): string | undefined;
  /** Whether the master key that sealed it is one of ours. */
  hasKeyOf(sealed: string): boolean;
  /** A secret of 256 bits in base64url that only the holder of the master key and the context can compute. */
  derive(label: string, context: string, keyId?: string): string | undefined;
  /** The key id that `seal` puts in front now. */
  readonly keyId: string;
};

export function createSealer(masterKeys: readonly Uint8Array[], purpose: string): Sealer {
  const keys = new Map(masterKeys.map((key) => [keyIdOf(key), key]));
  const [newest] = masterKeys;
  if (newest === undefined) throw new Error("no master key");
  const newestId = keyIdOf(newest);
  const keyFor = (master: Uint8Array, context: string) =>
    Buffer.from(hkdfSync("sha256", master, "", `cloakroom ${purpose}\0${context}`, 32));

  return {
    keyId: newestId,
    hasKeyOf: (sealed) => keys.has(sealed.slice(0, Math.max(sealed.indexOf("."), 0))),
    seal(plaintext, context) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv("aes-256-gcm", keyFor(newest, context), iv);
      cipher.setAAD(Buffer.from(`${purpose}\0${context}`));
      const sealed = Buffer.concat([iv, cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `${newestId}.${sealed.toString("base64url")}`;
    },
    open(sealed, context) {
      const dot = sealed.indexOf(".");
      const master = keys.get(sealed.slice(0, Math.max(dot, 0)));
      const bytes = decodeBase64Url(sealed.slice(dot + 1));
      if (master === undefined || bytes === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
      try {
        const decipher = createDecipheriv("aes-256-gcm", keyFor(master, context), bytes.subarray(0, IV_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(Buffer.from(`${purpose}\0${context}`));
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        const opened = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
        return Buffer.concat([opened, decipher.final()]).toString("utf8");
      } catch {
        // Tampered with, or sealed for another context: the caller cannot do anything with the difference.
        return undefined;
      }
    },
    derive(label, context, keyId = newestId) {
      const master = keys.get(keyId);
      return master === undefined ? undefined : keyFor(master, `${label}\0${context}`).toString("base64url");
    },
  };
}

/** Tells keys apart without telling anything about them. */
function keyIdOf(key: Uint8Array): string {
  return Buffer.from(hkdfSync("sha256", key, "", "cloakroom key id", 4)).toString("base64url");
}
