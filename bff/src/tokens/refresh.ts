// Token refresh: single-flight in the process, then a lease with fencing token over all instances, so that each refresh
// token is spent at most once (I4). access-token.ts decides when. In reading order:
//   refresh            acquires the session's lease, or waits for the result of its holder
//   refreshUnderLease  rate limit, token request, then one function per outcome
// Every write names the owner of the lease; the store rejects it once the lease has passed to another owner.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../logging/log.ts";
import type { EndReason, SessionKey, Store } from "../store/store.ts";
import { saveFetchedClaims, type Claims, type FetchedClaims, type RenewRecord } from "./fetched-claims.ts";
import { createPendingWrites, type PendingWrites } from "./pending-writes.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";
import { nextForcedRenewal } from "./refused-token.ts";
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
  /** An upstream refused the access token, which is renewed although it has not expired. */
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

export function refreshTiming(providerTimeoutMs: number): RefreshTiming {
  const leaseMs = providerTimeoutMs + 2_000;
  return { leaseMs, graceMs: 2_000, pollMs: 25, waitMs: leaseMs, retryWritesMs: 300_000 };
}

export type Refresh = {
  /** @throws GatewayError store_unavailable; a token set that was already renewed is saved later */
  (session: RefreshableSession): Promise<AccessTokenResult>;
  /** Resolves when no refresh is in flight and no write is pending, so that the process can exit without losing one. */
  settled(): Promise<void>;
};

export function createRefresh(dependencies: RefreshDependencies): Refresh {
  const { store, vault, log, timing } = dependencies;
  const { leaseMs, graceMs, pollMs, waitMs, retryWritesMs } = timing;
  const pendingWrites = createPendingWrites({ store, log, retryForMs: retryWritesMs, retryEveryMs: pollMs * 4 });
  const inFlight = new Set<Promise<unknown>>();

  const refreshOrAwaitHolder = async (session: RefreshableSession): Promise<AccessTokenResult> => {
    const owner = randomBytes(12).toString("base64url");
    const giveUpAtMs = performance.now() + waitMs;
    await pendingWrites.flush(session.key);
    let current = session;
    while (performance.now() < giveUpAtMs) {
      const { tokenVersion } = current;
      const claimedAtMs = performance.now();
      const claim = await store.claimRefresh(session.key, { owner, tokenVersion, leaseMs, graceMs });
      if (claim.kind === "gone") return NO_TOKENS;
      if (claim.kind === "claimed") {
        const lease = { owner, claimedAtMs, afterUnknown: claim.afterUnknown };
        return refreshUnderLease({ ...dependencies, pendingWrites }, current, lease);
      }
      if (claim.kind === "busy") {
        await sleep(Math.min(pollMs, claim.leaseMs));
        continue;
      }
      const tokens = vault.open(claim.stored.tokens, session.sessionId);
      if (tokens === undefined) return vault.hasKeyOf(claim.stored.tokens) ? NO_TOKENS : KEY_NOT_AVAILABLE;
      if (store.nowMs() < tokens.usableUntilMs) return ready(tokens);
      const { session: record, tokenVersion: version } = claim.stored;
      current = { ...session, record, tokens, tokenVersion: version, isForced: false };
    }
    return { kind: "unavailable", retryAfterSeconds: 1 };
  };
  const refresh = (session: RefreshableSession): Promise<AccessTokenResult> => {
    const refreshing = refreshOrAwaitHolder(session).finally(() => inFlight.delete(refreshing));
    inFlight.add(refreshing);
    return refreshing;
  };
  const settled = async (): Promise<void> => {
    await Promise.allSettled(inFlight);
    await pendingWrites.whenEmpty();
  };
  return Object.assign(refresh, { settled });
}

type Context = RefreshDependencies & { pendingWrites: PendingWrites };
/** `afterUnknown`: the previous holder never reported an outcome, so the refresh token may be spent already. */
type Lease = { owner: string; claimedAtMs: number; afterUnknown: boolean };

async function refreshUnderLease(
  context: Context,
  session: RefreshableSession,
  lease: Lease,
): Promise<AccessTokenResult> {
  const { store, timing, log, provider } = context;
  const renewal = setInterval(() => {
    // A failed renewal is not fatal: the fencing token decides when the result is saved.
    store.renewRefresh(session.key, lease.owner, timing.leaseMs).catch(() => undefined);
  }, timing.leaseMs / 3);
  try {
    if (!(await acquireSlotOrRelease(context, session, lease)))
      return session.isForced === true ? ready(session.tokens) : { kind: "unavailable", retryAfterSeconds: 30 };
    // A process that was suspended, or waited for its slot, may have lost the lease: check before the token is spent.
    if (performance.now() - lease.claimedAtMs > timing.leaseMs / 2)
      if (!(await store.renewRefresh(session.key, lease.owner, timing.leaseMs))) return LEASE_LOST;
    const { issuer, subject, tokens } = session;
    const outcome = await provider.refresh(tokens.refreshToken ?? "", { issuer, subject, tokens });
    context.onOutcome?.(outcome.kind);
    switch (outcome.kind) {
      case "renewed":
        return await saveRenewed(context, session, lease.owner, outcome);
      case "rejected":
        return await endRejected(context, session, { ...lease, reason: outcome.reason });
      case "unusable":
        return await saveSuccessor(context, session, lease.owner, outcome);
      case "unspent":
      case "unknown":
        if (outcome.kind === "unknown")
          log.security("refresh_outcome_unknown", { session: session.handle, reason: outcome.reason });
        else
          log.warn("token refresh failed, refresh token not spent", {
            session: session.handle,
            reason: outcome.reason,
          });
        await store.releaseRefresh(session.key, lease.owner, outcome.kind);
        return { kind: "unavailable", retryAfterSeconds: 1 };
    }
  } finally {
    clearInterval(renewal);
  }
}

/** Refreshes of expired tokens, which requests wait for longer, are delayed by forced ones by at most this time. */
const FORCED_WAIT_MS = 1_000;

/** Without a slot the lease is released, so that the next request can acquire it. */
async function acquireSlotOrRelease(
  { store, rateLimiter }: Context,
  { key, isForced }: RefreshableSession,
  { owner }: Lease,
): Promise<boolean> {
  const release = () => store.releaseRefresh(key, owner, "unspent");
  try {
    if (await rateLimiter.acquireSlot(isForced === true ? FORCED_WAIT_MS : undefined)) return true;
  } catch (error) {
    await release().catch(() => undefined);
    throw error;
  }
  await release();
  return false;
}

export const NO_TOKENS: AccessTokenResult = { kind: "signed-out", reason: "no-tokens" };
/** I5: the token set is sealed with a master key that this instance has not loaded yet, or no longer has. */
const KEY_NOT_AVAILABLE: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 5 };
const LEASE_LOST: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 1 };

/** The old refresh token is spent: a write that fails is retried from the queue of pending writes. */
async function saveRenewed(
  context: Context,
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
async function saveSuccessor(
  context: Context,
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
async function afterFenced(context: Context, session: RefreshableSession, sealed: string): Promise<AccessTokenResult> {
  const stored = await context.store.read(session.key);
  if (stored === undefined) return NO_TOKENS;
  const tokens = context.vault.open(stored.tokens, session.sessionId);
  if (stored.tokens !== sealed) context.onOutcome?.("fenced");
  if (tokens !== undefined && context.store.nowMs() < tokens.usableUntilMs) return ready(tokens);
  return { kind: "unavailable", retryAfterSeconds: 1 };
}

/** Ends the session unless another instance has renewed its tokens in the meantime. */
async function endRejected(
  context: Context,
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
