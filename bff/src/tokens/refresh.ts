// Spending a refresh token at most once over all instances (I4): the lease, the fence, and what each outcome means.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import type { EndReason, SessionKey, Store } from "../store/store.ts";
import { createPendingWrites, type LateSaves } from "./pending-writes.ts";
import { tokenLifeOf, tokenSetFrom, type TokenGrant, type TokenSet } from "./token-set.ts";
import type { Vault } from "./vault.ts";

export type AccessTokenResult =
  | { kind: "ready"; accessToken: string }
  /** The session is over, or must be: 401. */
  | { kind: "signed-out"; reason: "no-tokens" | "refresh-rejected" }
  /** The session is kept: 503. */
  | { kind: "unavailable"; retryAfterSeconds: number };

/** What the provider made of a refresh token. */
export type RefreshOutcome =
  | { kind: "renewed"; grant: TokenGrant }
  /** The provider refuses the token for good, or renewed it for somebody else. */
  | { kind: "rejected"; reason: string }
  /** The request certainly did not spend it: refused connection, wrong client secret, too many requests. */
  | { kind: "unspent"; reason: string }
  /** It was spent for tokens that cannot be used: the provider's configuration is wrong. A successor may be in it. */
  | { kind: "unusable"; reason: string; refreshToken: string | undefined }
  /** It may have been spent: time-out, reset, an answer that makes no sense. */
  | { kind: "unknown"; reason: string };

export type SpendRefreshToken = (
  refreshToken: string,
  of: { issuer: string; subject: string },
) => Promise<RefreshOutcome>;

/** A session together with the token set that was just read with it. */
export type SpendingSession = {
  sessionId: string;
  key: SessionKey;
  handle: string;
  issuer: string;
  subject: string;
  tokens: TokenSet;
  tokenVersion: number;
};

export type RefreshParts = {
  store: Store;
  vault: Vault;
  log: Log;
  spend: SpendRefreshToken;
  /** Waits until the provider may be asked. @returns false where that is too far off. */
  acquireSlot: () => Promise<boolean>;
  endSession: (key: SessionKey, reason: EndReason) => Promise<boolean>;
  onOutcome?: (outcome: RefreshOutcome["kind"] | "fenced") => void;
  timing: RefreshTiming;
};

export type RefreshTiming = {
  /** Longer than one call to the provider may take; a holder that lives renews it besides. */
  leaseMs: number;
  /** A lease that ran out is left to its holder for so long, once somebody noticed: Redis may just have come back. */
  graceMs: number;
  /** How often those who wait look for the winner's result. */
  pollMs: number;
  /** Longest that a request waits for a refresh: the provider's deadline plus a margin. */
  waitMs: number;
  /** How long a token set that could not be stored is kept and offered again. */
  saveMs: number;
};

export function refreshTiming(providerTimeoutMs: number): RefreshTiming {
  const leaseMs = providerTimeoutMs + 2_000;
  return { leaseMs, graceMs: 2_000, pollMs: 25, waitMs: leaseMs, saveMs: 300_000 };
}

export type Refresh = {
  /** @throws GatewayError store_unavailable; the session and its refresh token are then untouched. */
  (session: SpendingSession): Promise<AccessTokenResult>;
  /** When nothing is being spent, and no result waits for the store: before the process may end. */
  settled(): Promise<void>;
};

export function createRefresh(options: RefreshParts): Refresh {
  const { store, vault, log, timing } = options;
  const pendingWrites = createPendingWrites({ store, log, saveMs: timing.saveMs, everyMs: timing.pollMs * 4 });
  const parts: Parts = { ...options, pendingWrites };
  const running = new Set<Promise<unknown>>();

  const refresh = async (session: SpendingSession): Promise<AccessTokenResult> => {
    const owner = randomBytes(12).toString("base64url");
    const { leaseMs, graceMs, pollMs, waitMs } = timing;
    const giveUpAtMs = performance.now() + waitMs;
    await pendingWrites.settle(session.key);
    let current = session;
    while (performance.now() < giveUpAtMs) {
      const { tokenVersion } = current;
      const claimedAtMs = performance.now();
      const claim = await store.claimRefresh(session.key, { owner, tokenVersion, leaseMs, graceMs });
      if (claim.kind === "gone") return NO_TOKENS;
      if (claim.kind === "claimed")
        return spendUnderLease(parts, current, { owner, claimedAtMs, afterUnknown: claim.afterUnknown });
      if (claim.kind === "busy") {
        await sleep(Math.min(pollMs, claim.leaseMs));
        continue;
      }
      const tokens = vault.open(claim.stored.tokens, session.sessionId);
      if (tokens === undefined) return vault.hasKeyOf(claim.stored.tokens) ? NO_TOKENS : KEY_NOT_AVAILABLE;
      if (store.nowMs() < tokens.usableUntilMs) return { kind: "ready", accessToken: tokens.accessToken };
      current = { ...session, tokens, tokenVersion: claim.stored.tokenVersion };
    }
    return { kind: "unavailable", retryAfterSeconds: 1 };
  };
  const tracked = (session: SpendingSession): Promise<AccessTokenResult> => {
    const flight = refresh(session).finally(() => running.delete(flight));
    running.add(flight);
    return flight;
  };
  const settled = async (): Promise<void> => {
    await Promise.allSettled(running);
    await pendingWrites.settled();
  };
  return Object.assign(tracked, { settled });
}

type Parts = RefreshParts & { pendingWrites: LateSaves };
type Lease = { owner: string; claimedAtMs: number; afterUnknown: boolean };

async function spendUnderLease(parts: Parts, session: SpendingSession, lease: Lease): Promise<AccessTokenResult> {
  const { store, timing, log } = parts;
  const renewal = setInterval(() => {
    // A missed renewal is not fatal: the fence decides when the result is stored.
    store.renewRefresh(session.key, lease.owner, timing.leaseMs).catch(() => undefined);
  }, timing.leaseMs / 3);
  try {
    if (!(await acquireSlot(parts, session, lease.owner))) return { kind: "unavailable", retryAfterSeconds: 30 };
    // A process that stood still or waited since its claim may have lost the lease: ask before anything is spent.
    if (performance.now() - lease.claimedAtMs > timing.leaseMs / 2)
      if (!(await store.renewRefresh(session.key, lease.owner, timing.leaseMs))) return LEASE_LOST;
    const { refreshToken = "" } = session.tokens;
    const outcome = await parts.spend(refreshToken, { issuer: session.issuer, subject: session.subject });
    parts.onOutcome?.(outcome.kind);
    switch (outcome.kind) {
      case "renewed":
        return await saveRenewed(parts, session, lease.owner, outcome.grant);
      case "rejected":
        return await settleRejected(parts, session, { ...lease, reason: outcome.reason });
      case "unusable":
        return await keepSuccessor(parts, session, lease.owner, outcome);
      case "unspent":
      case "unknown":
        if (outcome.kind === "unknown")
          log.security("refresh_outcome_unknown", { session: session.handle, reason: outcome.reason });
        else log.warn("the provider did not take a refresh", { session: session.handle, reason: outcome.reason });
        await store.releaseRefresh(session.key, lease.owner, outcome.kind);
        return { kind: "unavailable", retryAfterSeconds: 1 };
    }
  } finally {
    clearInterval(renewal);
  }
}

/** Without a turn nothing is spent, and anyone may try again. */
async function acquireSlot(
  { store, acquireSlot: take }: Parts,
  { key }: SpendingSession,
  owner: string,
): Promise<boolean> {
  const giveBack = () => store.releaseRefresh(key, owner, "unspent");
  try {
    if (await take()) return true;
  } catch (error) {
    await giveBack().catch(() => undefined);
    throw error;
  }
  await giveBack();
  return false;
}

const NO_TOKENS: AccessTokenResult = { kind: "signed-out", reason: "no-tokens" };
/** I5: another instance has renewed them under a master key that this one has not got yet, or no more. */
const KEY_NOT_AVAILABLE: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 5 };
const LEASE_LOST: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 1 };

/** The old refresh token is spent: what was got for it is offered to the store until it takes it. */
async function saveRenewed(parts: Parts, session: SpendingSession, owner: string, grant: TokenGrant) {
  const nowMs = parts.store.nowMs();
  const tokens = tokenSetFrom(grant, session.tokens, { nowMs, random: Math.random() });
  const sealed = parts.vault.seal(tokens, session.sessionId);
  const life = tokenLifeOf(grant, session.tokens.refreshToken !== undefined);
  try {
    if (await parts.store.saveTokens(session.key, owner, sealed, life)) return readyWith(tokens);
  } catch (error) {
    // Those who wait get their 503 now; the result is not lost with them.
    parts.pendingWrites.offer({ key: session.key, handle: session.handle, owner, sealed, life });
    throw error;
  }
  return afterFence(parts, session, sealed);
}

/**
 * The session goes on with the refresh token that it was given, so that it recovers once the provider is corrected (I5):
 * a new login would be refused for the same reason. The access token stays the expired one.
 */
async function keepSuccessor(
  parts: Parts,
  session: SpendingSession,
  owner: string,
  { refreshToken, reason }: Extract<RefreshOutcome, { kind: "unusable" }>,
): Promise<AccessTokenResult> {
  const { store, log } = parts;
  log.error("the provider renewed a session with tokens that cannot be used", { session: session.handle, reason });
  if (refreshToken === undefined) await store.releaseRefresh(session.key, owner, "unspent");
  else {
    const sealed = parts.vault.seal({ ...session.tokens, refreshToken }, session.sessionId);
    try {
      await store.saveTokens(session.key, owner, sealed);
    } catch (error) {
      parts.pendingWrites.offer({ key: session.key, handle: session.handle, owner, sealed, life: "unchanged" });
      throw error;
    }
  }
  return { kind: "unavailable", retryAfterSeconds: 30 };
}

/** The write was refused: the session ended, or somebody else took over, or our own write went through unheard. */
async function afterFence(parts: Parts, session: SpendingSession, sealed: string): Promise<AccessTokenResult> {
  const stored = await parts.store.read(session.key);
  if (stored === undefined) return NO_TOKENS;
  const tokens = parts.vault.open(stored.tokens, session.sessionId);
  if (stored.tokens !== sealed) parts.onOutcome?.("fenced");
  if (tokens !== undefined && parts.store.nowMs() < tokens.usableUntilMs) return readyWith(tokens);
  return { kind: "unavailable", retryAfterSeconds: 1 };
}

/** Only where nobody else has renewed the tokens in the meantime does a refusal end the session. */
async function settleRejected(
  parts: Parts,
  session: SpendingSession,
  { afterUnknown, reason }: Lease & { reason: string },
): Promise<AccessTokenResult> {
  const stored = await parts.store.read(session.key);
  if (stored !== undefined && stored.tokenVersion !== session.tokenVersion) {
    const tokens = parts.vault.open(stored.tokens, session.sessionId);
    if (tokens !== undefined) return readyWith(tokens);
    if (!parts.vault.hasKeyOf(stored.tokens)) return KEY_NOT_AVAILABLE;
  }
  parts.log.security("refresh_rejected", {
    session: session.handle,
    subject: session.subject,
    reason: afterUnknown ? `${reason}, after an attempt whose outcome is unknown` : reason,
  });
  await parts.endSession(session.key, "refresh_rejected");
  return { kind: "signed-out", reason: "refresh-rejected" };
}

function readyWith(tokens: TokenSet): AccessTokenResult {
  return { kind: "ready", accessToken: tokens.accessToken };
}

/** The answer for a result that is not ready. */
export function tokenError(result: Exclude<AccessTokenResult, { kind: "ready" }>): GatewayError {
  if (result.kind === "signed-out") return new GatewayError("session_expired", { reason: result.reason });
  return new GatewayError("provider_unavailable", {
    retryAfterSeconds: result.retryAfterSeconds,
    reason: "the access token has expired and could not be renewed yet",
  });
}
