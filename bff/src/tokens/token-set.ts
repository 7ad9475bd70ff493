// The tokens of one session and the two moments that matter: when to renew them, and until when they can be used.

import type { Store, TokenLife } from "../store/store.ts";

/** What the provider granted, in our words: no wire names, no relative times. */
export type TokenGrant = {
  accessToken: string;
  /** Undefined on a refresh means: keep the old one (RFC 6749 §6). */
  refreshToken: string | undefined;
  idToken: string | undefined;
  /** Undefined where the provider does not say. */
  expiresInSeconds: number | undefined;
  /** Of the refresh token, as Keycloak tells; undefined where the provider does not say, or it does not run out. */
  refreshExpiresInSeconds?: number | undefined;
  scope: string | undefined;
};

export type TokenSet = {
  accessToken: string;
  refreshToken: string | undefined;
  /** For `id_token_hint` at logout, nothing else. */
  idToken: string;
  scope: string;
  /** By the store's clock, as the next: from here on it is renewed in the background. */
  refreshAtMs: number;
  /** From here on nobody may be handed it: a margin before its expiry, for the way to the upstream. */
  usableUntilMs: number;
  /** By the same clock. Missing in what an older release stored. */
  storedAtMs?: number;
};

/** The clock that all instances share: another one of them may have stored the tokens. */
export type SharedClock = Pick<Store, "nowMs" | "setBackAtMs">;

/** Where the provider states no lifetime, or less than can be kept to: every request would be a refresh. */
const ASSUMED_LIFETIME_SECONDS = 60;
const SHORTEST_LIFETIME_SECONDS = 1;
const LONGEST_EARLY_WINDOW_MS = 60_000;
const LONGEST_MARGIN_MS = 5_000;
/** Two instances know the store's clock less exactly than this only where it takes seconds to answer. */
const CLOCK_ERROR_MS = 2_000;

/**
 * @param random 0 to 1. Sessions that logged in together must not refresh together, so the early window of the last
 * quarter of the lifetime (at most a minute) varies by ±40 %.
 */
export function tokenSetFrom(
  grant: TokenGrant,
  previous: Pick<TokenSet, "refreshToken" | "idToken" | "scope"> | undefined,
  clock: { nowMs: number; random: number },
): TokenSet {
  // A login's token that has expired already is renewed at its first use; what a renewal grants has to last.
  const isRenewable = previous === undefined && grant.refreshToken !== undefined;
  const lifetimeMs = (isRenewable ? (grant.expiresInSeconds ?? ASSUMED_LIFETIME_SECONDS) : lifetimeOf(grant)) * 1000;
  // A refresh token that runs out before the access token has to be spent before that.
  const renewMs = Math.min(lifetimeMs, (grant.refreshExpiresInSeconds ?? Infinity) * 1000);
  const earlyMs = Math.min(LONGEST_EARLY_WINDOW_MS, renewMs / 4) * (0.6 + 0.8 * clock.random);
  const usableUntilMs = clock.nowMs + lifetimeMs - Math.min(LONGEST_MARGIN_MS, lifetimeMs / 10);
  return {
    accessToken: grant.accessToken,
    refreshToken: grant.refreshToken ?? previous?.refreshToken,
    idToken: grant.idToken ?? previous?.idToken ?? "",
    scope: grant.scope ?? previous?.scope ?? "",
    refreshAtMs: Math.min(clock.nowMs + renewMs - earlyMs, usableUntilMs),
    usableUntilMs,
    storedAtMs: clock.nowMs,
  };
}

function lifetimeOf({ expiresInSeconds = 0 }: TokenGrant): number {
  return expiresInSeconds < SHORTEST_LIFETIME_SECONDS ? ASSUMED_LIFETIME_SECONDS : expiresInSeconds;
}

/**
 * Is it to be renewed, although it can be used? Also where it was stored before the store's clock was set back: then it
 * expires before `usableUntilMs` says so.
 */
export function isDue({ refreshAtMs, storedAtMs }: TokenSet, clock: SharedClock): boolean {
  const nowMs = clock.nowMs();
  if (nowMs >= refreshAtMs) return true;
  if (storedAtMs === undefined) return false;
  return storedAtMs > nowMs + CLOCK_ERROR_MS || storedAtMs < clock.setBackAtMs();
}

/** What a grant means for how long its session can go on: to the end of its refresh token, or of all that it has. */
export function tokenLifeOf(grant: TokenGrant, hadRefreshToken: boolean): TokenLife {
  const { refreshToken, refreshExpiresInSeconds } = grant;
  if (refreshToken === undefined && !hadRefreshToken) return Math.ceil(lifetimeOf(grant) * 1000);
  if (refreshExpiresInSeconds !== undefined) return Math.ceil(refreshExpiresInSeconds * 1000);
  return refreshToken === undefined ? "unchanged" : "unknown";
}
