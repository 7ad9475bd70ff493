// Token set: the tokens of one session, when to renew them, and until when the access token is used.
import type { Store, TokenLife } from "../store/store.ts";

/** A validated token response (RFC 6749 §5.1) with internal field names. */
export type TokenGrant = {
  accessToken: string;
  /** Undefined in a refresh response: the old one stays valid (RFC 6749 §6). */
  refreshToken: string | undefined;
  idToken: string | undefined;
  /** Lifetime of the access token. Undefined where the response has none. */
  expiresInSeconds: number | undefined;
  /** Lifetime of the refresh token (Keycloak). Undefined where the response has none, or the token does not expire. */
  refreshExpiresInSeconds?: number | undefined;
  scope: string | undefined;
};

export type TokenSet = {
  accessToken: string;
  refreshToken: string | undefined;
  /** Used only as `id_token_hint` at logout. */
  idToken: string;
  scope: string;
  /** Background renewal begins here. All times by the store's clock, milliseconds since the epoch. */
  refreshAtMs: number;
  /** The access token is not used from here on: its expiry minus a margin for the way to the upstream. */
  usableUntilMs: number;
  /** Missing in token sets of an older release. */
  storedAtMs?: number;
};

/** The clock that all instances share, because any of them may have stored the tokens. */
export type SharedClock = Pick<Store, "nowMs" | "setBackAtMs">;

/** Used where the response has no lifetime, or one below the shortest: every request would be a refresh. */
const ASSUMED_LIFETIME_SECONDS = 60;
const SHORTEST_LIFETIME_SECONDS = 1;
const LONGEST_EARLY_WINDOW_MS = 60_000;
const LONGEST_MARGIN_MS = 5_000;
/** Two instances may differ by this much on the store's time; more only if the store takes seconds to respond. */
const CLOCK_ERROR_MS = 2_000;

/**
 * Background renewal begins in the last quarter of the lifetime, at most a minute before its end. This window varies by
 * ±40 % (jitter), so that sessions that log in at the same moment do not refresh at the same moment.
 * @param previous the token set that the grant renews; undefined at a login
 * @param clock `random`: 0 to 1
 */
export function tokenSetFrom(
  grant: TokenGrant,
  previous: Pick<TokenSet, "refreshToken" | "idToken" | "scope"> | undefined,
  clock: { nowMs: number; random: number },
): TokenSet {
  // At a login, an access token that has already expired is renewed at its first use. Without a previous token set a
  // lifetime of 0 is therefore kept; a renewed token gets the assumed lifetime.
  const isRenewable = previous === undefined && grant.refreshToken !== undefined;
  const lifetimeMs = (isRenewable ? (grant.expiresInSeconds ?? ASSUMED_LIFETIME_SECONDS) : lifetimeOf(grant)) * 1000;
  // A refresh token that expires before the access token must be spent before it expires.
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
 * Whether a usable token set should be renewed: its `refreshAtMs` has passed, or it was stored before the store's clock
 * was set back and expires before `usableUntilMs`.
 */
export function isDue({ refreshAtMs, storedAtMs }: TokenSet, clock: SharedClock): boolean {
  const nowMs = clock.nowMs();
  if (nowMs >= refreshAtMs) return true;
  if (storedAtMs === undefined) return false;
  return storedAtMs > nowMs + CLOCK_ERROR_MS || storedAtMs < clock.setBackAtMs();
}

/**
 * How long the session can live with this grant, in milliseconds: until its refresh token expires, or its access token
 * where there is no refresh token.
 * @returns "unchanged" if the response keeps the old refresh token, "unknown" if the new one states no lifetime
 */
export function tokenLifeOf(grant: TokenGrant, hadRefreshToken: boolean): TokenLife {
  const { refreshToken, refreshExpiresInSeconds } = grant;
  if (refreshToken === undefined && !hadRefreshToken) return Math.ceil(lifetimeOf(grant) * 1000);
  if (refreshExpiresInSeconds !== undefined) return Math.ceil(refreshExpiresInSeconds * 1000);
  return refreshToken === undefined ? "unchanged" : "unknown";
}
