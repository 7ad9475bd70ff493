// What each outcome of a refresh means for the stored token set, the session and the waiting request. Every write names the
// owner of the lease; the store rejects it once the lease has passed to another owner.
import type { Log } from "../logging/log.ts";
import type { EndReason, SessionKey, Store } from "../store/store.ts";
import { saveFetchedClaims, type Claims, type FetchedClaims, type RenewRecord } from "./fetched-claims.ts";
import type { PendingWrites } from "./pending-writes.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";
import { nextForcedRenewal } from "./rejected-token.ts";
import { tokenLifeOf, tokenSetFrom, type AccessToken, type TokenGrant, type TokenSet } from "./token-set.ts";
import type { Vault } from "./vault.ts";

export type AccessTokenResult =
  | ({ kind: "ready" } & AccessToken)
  /** The session has ended, or must be ended: 401. */
  | { kind: "signed-out"; reason: "no-tokens" | "refresh-rejected" }
  /** The session is kept: 503. */
  | { kind: "unavailable"; retryAfterSeconds: number };

/** Result of one token request with a refresh token (RFC 6749 §6). */
export type RefreshOutcome =
  | {
      kind: "renewed";
      grant: TokenGrant;
      /** Claims about the user, if the response renewed them: stored together with the tokens. */
      claims?: Claims;
      /** Fetches claims that are not in the response (userinfo). Called after the tokens are stored. */
      fetchClaims?: () => Promise<FetchedClaims>;
    }
  /** Only a new login can help: the provider rejected the refresh token, or renewed it for another user. */
  | { kind: "rejected"; reason: string }
  /** The refresh token is not spent: connection refused, wrong client secret, rate limit of the provider. */
  | { kind: "unspent"; reason: string }
  /** It is spent, for tokens that the gateway cannot use: a wrong configuration of the provider. */
  | { kind: "unusable"; reason: string; refreshToken: string | undefined }
  /** It may be spent: timeout, connection reset, malformed response. */
  | { kind: "unknown"; reason: string };

/** The token request. Never throws. */
export type RefreshAtProvider = (
  refreshToken: string,
  of: { issuer: string; subject: string; tokens: Pick<TokenSet, "idToken" | "scope" | "proofKey"> },
) => Promise<RefreshOutcome>;

/** A session with the token set of the same read. */
export type RefreshableSession = {
  sessionId: string;
  key: SessionKey;
  handle: string;
  issuer: string;
  subject: string;
  /** The session record as JSON. */
  record: string;
  tokens: TokenSet;
  tokenVersion: number;
  /** An upstream rejected the access token, which is renewed although it has not expired. */
  isForced?: boolean;
};

export type RefreshDependencies = {
  store: Store;
  vault: Vault;
  log: Log;
  provider: { refresh: RefreshAtProvider };
  rateLimiter: Pick<RefreshRateLimiter, "acquireSlot">;
  renewRecord?: RenewRecord;
  endSession: (key: SessionKey, reason: EndReason) => Promise<boolean>;
  onOutcome?: (outcome: RefreshOutcome["kind"] | "fenced") => void;
  timing: RefreshTiming;
};

export type RefreshTiming = {
  /** Longer than one token request takes; its holder also renews the lease every third of it. */
  leaseMs: number;
  /** An expired lease passes to another owner only this long after its expiry was first seen: the store may be late. */
  graceMs: number;
  /** How often an instance without the lease reads the holder's result. */
  pollMs: number;
  /** Longest that a request waits for a refresh: the provider's timeout plus a margin. */
  waitMs: number;
  /** How long a token set that the store could not save is retried. */
  retryWritesMs: number;
};

export type RefreshContext = RefreshDependencies & { pendingWrites: PendingWrites };
/** `afterUnknown`: the previous holder never reported an outcome, so the refresh token may be spent already. */
export type Lease = { owner: string; claimedAtMs: number; afterUnknown: boolean };

export const NO_TOKENS: AccessTokenResult = { kind: "signed-out", reason: "no-tokens" };
/** I5: the token set is sealed with a master key that this instance has not loaded yet, or no longer has. */
export const KEY_NOT_AVAILABLE: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 5 };
export const LEASE_LOST: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 1 };

/** The old refresh token is spent: a write that fails is retried from the queue of pending writes. */
export async function saveRenewed(
  context: RefreshContext,
  session: RefreshableSession,
  owner: string,
  { grant, claims, fetchClaims }: Extract<RefreshOutcome, { kind: "renewed" }>,
) {
  const nowMs = context.store.nowMs();
  const tokens = tokenSetFrom(grant, session.tokens, { nowMs, random: Math.random() });
  if (session.isForced === true) tokens.forced = nextForcedRenewal(session.tokens.forced, nowMs);
  const sealed = context.vault.seal(tokens, session.sessionId);
  const life = tokenLifeOf(grant, session.tokens.refreshToken !== undefined);
  const record = claims === undefined ? undefined : context.renewRecord?.(session.record, { claims, isPartial: false });
  try {
    if (!(await context.store.saveTokens(session.key, owner, sealed, { life, session: record })))
      return await afterFenced(context, session, sealed);
  } catch (error) {
    const write = { key: session.key, handle: session.handle, owner, sealed, life, session: record };
    context.pendingWrites.enqueue(write);
    throw error;
  }
  if (fetchClaims !== undefined) await saveFetchedClaims(context, session, fetchClaims);
  return ready(tokens);
}

/**
 * Keeps the session with the new refresh token and the expired access token, so that it recovers once the provider's
 * configuration is corrected (I5). A new login would fail for the same reason.
 */
export async function saveSuccessor(
  context: RefreshContext,
  session: RefreshableSession,
  owner: string,
  { refreshToken, reason }: Extract<RefreshOutcome, { kind: "unusable" }>,
): Promise<AccessTokenResult> {
  const { store, log } = context;
  log.error("token refresh returned unusable tokens", { session: session.handle, reason });
  if (refreshToken === undefined) await store.releaseRefresh(session.key, owner, "unspent");
  else {
    const sealed = context.vault.seal({ ...session.tokens, refreshToken }, session.sessionId);
    try {
      await store.saveTokens(session.key, owner, sealed);
    } catch (error) {
      context.pendingWrites.enqueue({ key: session.key, handle: session.handle, owner, sealed, life: "unchanged" });
      throw error;
    }
  }
  return { kind: "unavailable", retryAfterSeconds: 30 };
}

/** The store rejected the write: session ended, lease lost, or an earlier copy of the same write had succeeded. */
async function afterFenced(
  context: RefreshContext,
  session: RefreshableSession,
  sealed: string,
): Promise<AccessTokenResult> {
  const stored = await context.store.read(session.key);
  if (stored === undefined) return NO_TOKENS;
  const tokens = context.vault.open(stored.tokens, session.sessionId);
  if (stored.tokens !== sealed) context.onOutcome?.("fenced");
  if (tokens !== undefined && context.store.nowMs() < tokens.usableUntilMs) return ready(tokens);
  return { kind: "unavailable", retryAfterSeconds: 1 };
}

/** Ends the session unless another instance has renewed its tokens in the meantime. */
export async function endRejected(
  context: RefreshContext,
  session: RefreshableSession,
  { afterUnknown, reason }: Lease & { reason: string },
): Promise<AccessTokenResult> {
  const { store, vault, log } = context;
  const stored = await store.read(session.key);
  if (stored !== undefined && stored.tokenVersion !== session.tokenVersion) {
    const tokens = vault.open(stored.tokens, session.sessionId);
    if (tokens !== undefined) return ready(tokens);
    if (!vault.hasKeyOf(stored.tokens)) return KEY_NOT_AVAILABLE;
  }
  log.security("refresh_rejected", {
    session: session.handle,
    subject: session.subject,
    reason: afterUnknown ? `${reason} (the outcome of a previous attempt is unknown)` : reason,
  });
  await context.endSession(session.key, "refresh_rejected");
  return { kind: "signed-out", reason: "refresh-rejected" };
}

export function ready({ accessToken, proofKey }: TokenSet): AccessTokenResult {
  return { kind: "ready", accessToken, proofKey };
}
