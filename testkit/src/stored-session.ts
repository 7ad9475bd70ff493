// Creates sessions directly in a store, without a login.
import { applicationId } from "@cloakroom/gateway/src/lib/application-id.ts";
import { createSealerFactory, type SealerFactory } from "@cloakroom/gateway/src/lib/encryption.ts";
import { createVault, type Vault } from "@cloakroom/gateway/src/tokens/vault.ts";
import { newSessionId, sessionKeyOf } from "@cloakroom/gateway/src/session/session.ts";
import type { Store } from "@cloakroom/gateway/src/store/store.ts";
import type { RefreshableSession } from "@cloakroom/gateway/src/tokens/refresh-outcomes.ts";
import type { TokenSet } from "@cloakroom/gateway/src/tokens/token-set.ts";

export const testKeys = [
  Buffer.from("0123456789abcdef0123456789abcdef"),
  Buffer.from("fedcba9876543210fedcba9876543210"),
];
/** APP_ID of the gateways that tests start. With it a test can read and write their records. */
export const testApplication = applicationId("test");
export const sealersOf = (keys: readonly Uint8Array[]): SealerFactory => createSealerFactory(keys, testApplication);
export const silentLog = { debug() {}, info() {}, warn() {}, error() {}, security() {}, request() {}, flush() {} };

export const expiredTokens = (refreshToken = "refresh-1"): TokenSet => ({
  accessToken: "access-1",
  refreshToken,
  idToken: "id-1",
  scope: "openid",
  refreshAtMs: Date.now() - 2_000,
  usableUntilMs: Date.now() - 1_000,
});

/** Stores a session of the user `alice` with idle and absolute limits of 60 s. */
export async function storeSession(
  store: Store,
  tokens: TokenSet = expiredTokens(),
  vault: Vault = createVault(sealersOf(testKeys)),
): Promise<RefreshableSession> {
  const sessionId = newSessionId();
  const key = sessionKeyOf(sessionId);
  const session = {
    handle: "handle",
    issuer: "https://provider.test",
    subject: "alice",
    user: { sub: "alice" },
    roles: [],
    createdAtMs: Date.now(),
    issuedAtSeconds: Math.floor(Date.now() / 1000),
  };
  const encrypted = vault.seal(tokens, sessionId);
  const record = JSON.stringify(session);
  await store.create({ key, session: record, tokens: encrypted, idleMs: 60_000, maxMs: 60_000 });
  return {
    sessionId,
    key,
    handle: "handle",
    issuer: session.issuer,
    subject: "alice",
    record,
    tokens,
    tokenVersion: 1,
  };
}
