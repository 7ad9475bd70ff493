// Token set: the tokens of one session, when to renew them, and until when the access token is used.
import type { ProofKey } from "../lib/proof-key.ts";
import type { Store, TokenLife } from "../store/store.ts";
import type { ForcedRenewal } from "./rejected-token.ts";

/** An access token, and the key that each request with it must prove (DPoP). Without a key it is a bearer token. */
export type AccessToken = { accessToken: string; proofKey?: ProofKey | undefined };

/** A validated token response (RFC 6749 §5.1) with internal field names. */
export type TokenGrant = {
  accessToken: string;
  /** Undefined in a refresh response: the old one stays valid (RFC 6749 §6). */
  refreshToken: string | undefined;
  idToken: string | undefined;
  /** Lifetime of the access token. Undefined where the response has none. */
  expiresInSeconds: number | undefined;
  /** Lifetime that applies where the response has none: by the token's own `exp`, or by OIDC_ACCESS_TOKEN_SECONDS. */
  assumedSeconds?: number;
  /** Lifetime of the refresh token (Keycloak). Undefined where the response has none, or the token does not expire. */
  refreshExpiresInSeconds?: number | undefined;
  scope: string | undefined;
  /** The key that the access token is bound to. Undefined: a bearer token. */
  proofKey?: ProofKey | undefined;
};

export type TokenSet = {
  accessToken: string;
  refreshToken: string | undefined;
  /** Used only as `id_token_hint` at logout. Empty if the provider issued none, or only ones that are too long. */
  idToken: string;
  scope: string;
  /** Background renewal begins here. All times by the store's clock, milliseconds since the epoch. */
  refreshAtMs: number;
  /** The access token is not used from here on: its expiry minus a margin for the way to the upstream. */
  usableUntilMs: number;
  /** Missing in token sets of an older release. */
  storedAtMs?: number;
  /** Missing for bearer tokens. */
  proofKey?: ProofKey;
  /** Missing unless an upstream rejected the token that this one replaced. */
  forced?: ForcedRenewal;
};

/** The clock that all instances share, because any of them may have stored the tokens. */
export type SharedClock = Pick<Store, "nowMs" | "setBackAtMs">;

/** A shorter stated lifetime, such as 0, would make every request a refresh. */
const SHORTEST_LIFETIME_SECONDS = 1;
/** A renewed token whose stated lifetime is below the shortest is used for at most this long. */
const ASSUMED_LIFETIME_SECONDS = 60;
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
  const refreshToken = grant.refreshToken ?? previous?.refreshToken;
  // At a login, an access token that has already expired is renewed at its first use: a lifetime of 0 is kept.
  const keepsShortest = previous === undefined && refreshToken !== undefined;
  const lifetimeMs =
    1000 * ((keepsShortest ? grant.expiresInSeconds : undefined) ?? lifetimeOf(grant, refreshToken !== undefined));
  // A refresh token that expires before the access token must be spent before it expires.
  const renewMs = Math.min(lifetimeMs, (grant.refreshExpiresInSeconds ?? Infinity) * 1000);
  const earlyMs = Math.min(LONGEST_EARLY_WINDOW_MS, renewMs / 4) * (0.6 + 0.8 * clock.random);
  const usableUntilMs = clock.nowMs + lifetimeMs - Math.min(LONGEST_MARGIN_MS, lifetimeMs / 10);
  return {
    accessToken: grant.accessToken,
    refreshToken,
    // An older ID token of the session is as good a hint.
    idToken: hintFrom(grant.idToken) ?? previous?.idToken ?? "",
    scope: grant.scope ?? previous?.scope ?? "",
    refreshAtMs: Math.min(clock.nowMs + renewMs - earlyMs, usableUntilMs),
    usableUntilMs,
    storedAtMs: clock.nowMs,
    ...(grant.proofKey === undefined ? {} : { proofKey: grant.proofKey }),
  };
}

/** A longer one fits neither into a cookie nor into a response head of 4 kB, and would only be stored. */
const MAX_HINT_CHARS = 4_096;

function hintFrom(idToken: string | undefined): string | undefined {
  return idToken !== undefined && idToken.length <= MAX_HINT_CHARS ? idToken : undefined;
}

function lifetimeOf(
  { expiresInSeconds, assumedSeconds = ASSUMED_LIFETIME_SECONDS }: TokenGrant,
  isRenewable: boolean,
): number {
  if (expiresInSeconds === undefined) return assumedSeconds;
  if (expiresInSeconds >= SHORTEST_LIFETIME_SECONDS) return expiresInSeconds;
  // Without a refresh token the session would end after this minute: then a lifetime of 0 counts as absent.
  return isRenewable ? Math.min(assumedSeconds, ASSUMED_LIFETIME_SECONDS) : assumedSeconds;
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
  if (refreshToken === undefined && !hadRefreshToken) return Math.ceil(lifetimeOf(grant, false) * 1000);
  if (refreshExpiresInSeconds !== undefined) return Math.ceil(refreshExpiresInSeconds * 1000);
  return refreshToken === undefined ? "unchanged" : "unknown";
}
