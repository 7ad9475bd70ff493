// Authenticated encryption under the master keys. Every application, purpose and context derives its own key by HKDF
// (RFC 5869); the key id in front lets the operator put a new key first while the old ones still open what they sealed.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { decodeBase64Url } from "./base64url.ts";
import type { ApplicationId } from "./application-id.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;

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

/** Makes the sealers of one application: what one application sealed, no other application opens (I9). */
export type SealerFactory = (purpose: string) => Sealer;

export function createSealerFactory(masterKeys: readonly Uint8Array[], application: ApplicationId): SealerFactory {
  // JSON keeps the parts apart: no two lists of parts have one label.
  const labelOf = (...parts: readonly string[]): string => JSON.stringify(["cloakroom", application, ...parts]);
  /** Tells keys apart without telling anything about them, nor whether another application has the same ones. */
  const keyIdOf = (key: Uint8Array): string => deriveBytes(key, labelOf("key id"), KEY_ID_BYTES).toString("base64url");
  const keys = new Map(masterKeys.map((key) => [keyIdOf(key), key]));
  const [newest] = masterKeys;
  if (newest === undefined) throw new Error("no master key");
  const newestId = keyIdOf(newest);
  return (purpose) => createSealer({ keys, newest, newestId, purpose, labelOf });
}

type Parts = {
  /** By their ids. */
  keys: ReadonlyMap<string, Uint8Array>;
  newest: Uint8Array;
  newestId: string;
  purpose: string;
  labelOf: (...parts: readonly string[]) => string;
};

function createSealer({ keys, newest, newestId, purpose, labelOf }: Parts): Sealer {
  return {
    keyId: newestId,
    hasKeyOf: (sealed) => keys.has(sealed.slice(0, Math.max(sealed.indexOf("."), 0))),
    seal(plaintext, context) {
      const iv = randomBytes(IV_BYTES);
      const label = labelOf("seal", purpose, context);
      const cipher = createCipheriv("aes-256-gcm", deriveBytes(newest, label, KEY_BYTES), iv);
      cipher.setAAD(Buffer.from(label));
      const sealed = Buffer.concat([iv, cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `${newestId}.${sealed.toString("base64url")}`;
    },
    open(sealed, context) {
      const dot = sealed.indexOf(".");
      const master = keys.get(sealed.slice(0, Math.max(dot, 0)));
      const bytes = decodeBase64Url(sealed.slice(dot + 1));
      if (master === undefined || bytes === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
      try {
        const label = labelOf("seal", purpose, context);
        const key = deriveBytes(master, label, KEY_BYTES);
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(Buffer.from(label));
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
      if (master === undefined) return undefined;
      return deriveBytes(master, labelOf("derive", purpose, label, context), KEY_BYTES).toString("base64url");
    },
  };
}

function deriveBytes(master: Uint8Array, label: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", master, "", label, length));
}
