// Vault: encrypts token sets (AES-256-GCM) under a key derived from master key, application and session id. A dump of
// Redis together with the master keys is useless without the browsers' cookies.
import type { SealerFactory } from "../lib/encryption.ts";
import type { TokenSet } from "./token-set.ts";

export type Vault = {
  seal(tokens: TokenSet, sessionId: string): string;
  /** @returns undefined if the ciphertext was changed or belongs to another session, or if its master key is unknown */
  open(sealed: string, sessionId: string): TokenSet | undefined;
  /**
   * Decrypts the token set of a session record once per record object.
   * @param stored the record that was read by this session id
   */
  openStored(stored: { readonly tokens: string }, sessionId: string): TokenSet | undefined;
  /** False while master keys are being rotated and this instance does not have the new one yet. */
  hasKeyOf(sealed: string): boolean;
};

export function createVault(sealerFor: SealerFactory): Vault {
  const sealer = sealerFor("token set");
  /** By the record: the store decides on every read whether it is unchanged (store/session-cache.ts). */
  const opened = new WeakMap<object, TokenSet>();
  const open = (sealed: string, sessionId: string): TokenSet | undefined => {
    const plaintext = sealer.open(sealed, sessionId);
    return plaintext === undefined ? undefined : (JSON.parse(plaintext) as TokenSet);
  };
  return {
    hasKeyOf: (sealed) => sealer.hasKeyOf(sealed),
    seal: (tokens, sessionId) => sealer.seal(JSON.stringify(tokens), sessionId),
    open,
    openStored(stored, sessionId) {
      const known = opened.get(stored);
      if (known !== undefined) return known;
      const tokens = open(stored.tokens, sessionId);
      if (tokens !== undefined) opened.set(stored, tokens);
      return tokens;
    },
  };
}
