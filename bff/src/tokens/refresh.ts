// Token refresh: single-flight in the process, then a lease with fencing token over all instances, so that each refresh
// token is spent at most once (I4). access-token.ts decides when. In reading order:
//   refresh            acquires the session's lease, or waits for the result of its holder
//   refreshUnderLease  rate limit, token request, then one function of refresh-outcomes.ts per outcome
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createPendingWrites } from "./pending-writes.ts";
import {
  endRejected,
  KEY_NOT_AVAILABLE,
  LEASE_LOST,
  NO_TOKENS,
  ready,
  saveRenewed,
  saveSuccessor,
  type AccessTokenResult,
  type Lease,
  type RefreshableSession,
  type RefreshContext,
  type RefreshDependencies,
  type RefreshTiming,
} from "./refresh-outcomes.ts";

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

async function refreshUnderLease(
  context: RefreshContext,
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
  { store, rateLimiter }: RefreshContext,
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
