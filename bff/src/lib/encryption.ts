// Authenticated encryption (AES-256-GCM) with key rotation. Every application, purpose and context has its own key,
// derived from a master key by HKDF (RFC 5869). Sealed values begin with the id of their master key: the newest key
// seals, all configured keys open.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { decodeBase64Url } from "./base64url.ts";
import type { ApplicationId } from "./application-id.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;

export type Sealer = {
  /** @param context part of the derived key and of the AAD: `open` fails with any other context */
  seal(plaintext: string, context: string): string;
  /** @returns undefined if the value was modified, sealed for another purpose or context, or its master key is not configured */
  open(sealed: string, context: string): string | undefined;
  /** Whether the master key that sealed the value is configured. */
  hasKeyOf(sealed: string): boolean;
  /** @returns a 256-bit secret in base64url, derived from the master key `keyId`; undefined if that key is not configured */
  derive(label: string, context: string, keyId?: string): string | undefined;
  /** Id of the newest master key, the one that `seal` uses. */
  readonly keyId: string;
};

/** Creates the sealers of one application. They cannot open values of other applications (I9). */
export type SealerFactory = (purpose: string) => Sealer;

export function createSealerFactory(masterKeys: readonly Uint8Array[], application: ApplicationId): SealerFactory {
  // JSON encoding makes labels unambiguous: different components never give the same label.
  const labelOf = (...parts: readonly string[]): string => JSON.stringify(["cloakroom", application, ...parts]);
  /** Derived, so it reveals neither the key nor whether another application uses the same one. */
  const keyIdOf = (key: Uint8Array): string => deriveBytes(key, labelOf("key id"), KEY_ID_BYTES).toString("base64url");
  const keys = new Map(masterKeys.map((key) => [keyIdOf(key), key]));
  const [newest] = masterKeys;
  if (newest === undefined) throw new Error("no master key");
  const newestId = keyIdOf(newest);
  return (purpose) => createSealer({ keys, newest, newestId, purpose, labelOf });
}

type SealerKeys = {
  /** Master keys by key id. */
  keys: ReadonlyMap<string, Uint8Array>;
  newest: Uint8Array;
  newestId: string;
  purpose: string;
  labelOf: (...parts: readonly string[]) => string;
};

function createSealer({ keys, newest, newestId, purpose, labelOf }: SealerKeys): Sealer {
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
        // Modified, or sealed for another context: callers treat both alike.
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
