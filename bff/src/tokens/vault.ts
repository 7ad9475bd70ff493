// Where token sets are kept: sealed under a key that needs the session id itself, so that a dump of Redis together
// with the master key is still useless without the browsers' cookies.
import { FifoCache, REMEMBERED_SESSIONS } from "../lib/fifo-cache.ts";
import type { SealerFactory } from "../lib/encryption.ts";
import type { TokenSet } from "./token-set.ts";

export type Vault = {
  seal(tokens: TokenSet, sessionId: string): string;
  /** @returns undefined where the blob was tampered with, swapped between sessions, or its master key is gone. */
  open(sealed: string, sessionId: string): TokenSet | undefined;
  /** False while keys are being rotated and this instance has not got the new one yet. */
  hasKeyOf(sealed: string): boolean;
};

export function createVault(sealerFor: SealerFactory): Vault {
  const sealer = sealerFor("token set");
  /** By their exact ciphertext: the store is still asked, only the decryption is saved. */
  const opened = new FifoCache<string, { sealed: string; tokens: TokenSet }>(REMEMBERED_SESSIONS);
  return {
    hasKeyOf: (sealed) => sealer.hasKeyOf(sealed),
    seal: (tokens, sessionId) => sealer.seal(JSON.stringify(tokens), sessionId),
    open(sealed, sessionId) {
      const known = opened.get(sessionId);
      if (known?.sealed === sealed) {
        // The same text may have been read anew: the next comparison finds the same object, not two kilobytes.
        known.sealed = sealed;
        return known.tokens;
      }
      const plaintext = sealer.open(sealed, sessionId);
      if (plaintext === undefined) return undefined;
      const tokens = JSON.parse(plaintext) as TokenSet;
      opened.set(sessionId, { sealed, tokens });
      return tokens;
    },
  };
}
