// GET /bff/user: the logged-in user and the session's limits. The request does not extend the session.
import { isRecord, textOrNull } from "./problem.ts";

/** `Date` has a resolution of one second and ages in transit: smaller differences are not clock skew. */
const minClockSkewMs = 10_000;

/** The claims of ID token and userinfo, as the gateway sends them. Users and providers choose their texts. */
export interface DefaultClaims {
  readonly sub: string;
  readonly name?: string;
  readonly preferred_username?: string;
  readonly email?: string;
  readonly roles?: readonly string[];
  readonly [claim: string]: unknown;
}

/** Times are milliseconds since the epoch by this machine's clock. */
export interface Session {
  /** The public handle, never the session id. */
  readonly handle: string;
  readonly createdAtMs: number | null;
  /** The session ends then unless a request extends it. */
  readonly idleExpiresAtMs: number | null;
  /** The session ends then at the latest. */
  readonly expiresAtMs: number | null;
  readonly authTimeMs: number | null;
  readonly acr: string | null;
  /** The provider's account console, an http(s) URL; null if it has none. */
  readonly accountUrl: string | null;
}

/** `ready`: a silent login may start. `pending`: another request shows whether the browser stores cookies. */
export type SilentLoginOffer = "ready" | "pending";

export interface Anonymous {
  readonly status: "anonymous";
  readonly user: null;
  readonly session: null;
  /** The gateway's offer of a login with `prompt=none`; null without one. */
  readonly silentLogin: SilentLoginOffer | null;
}

export interface Authenticated<User> {
  readonly status: "authenticated";
  /** What `parseUser` returns; by default the claims. */
  readonly user: User;
  readonly session: Session;
}

export type Auth<User> = Anonymous | Authenticated<User>;

/** What a check has found. */
export interface UserResponse<User> {
  readonly auth: Auth<User>;
  /** Tells users apart; null if none is logged in. */
  readonly sub: string | null;
}

export type ParseUser<User> = (claims: DefaultClaims) => User;

/**
 * @param skewMs see `clockSkewMs`; added to every time
 * @throws SyntaxError if the body is malformed or its user has no `sub` to tell users apart by; what `parseUser` throws
 */
export function parseUserResponse<User>(body: unknown, parseUser?: ParseUser<User>, skewMs = 0): UserResponse<User> {
  const { user, session, silentLogin } = isRecord(body) ? body : {};
  if (user === null) {
    return { auth: anonymous(silentLogin === "ready" || silentLogin === "pending" ? silentLogin : null), sub: null };
  }
  if (!isRecord(user) || typeof user["sub"] !== "string") {
    throw new SyntaxError("user: no sub");
  }
  const claims = user as DefaultClaims;
  return {
    auth: {
      status: "authenticated",
      // Without a parser, the type is the caller's statement about the claims.
      user: parseUser === undefined ? (claims as User) : parseUser(claims),
      session: parseSession(session, skewMs),
    },
    sub: claims.sub,
  };
}

export function anonymous(silentLogin: SilentLoginOffer | null = null): Anonymous {
  return { status: "anonymous", user: null, session: null, silentLogin };
}

function parseSession(value: unknown, skewMs: number): Session {
  const fields = isRecord(value) ? value : {};
  const timeOf = (name: string): number | null => parseTimeMs(fields[name], skewMs);
  const accountUrl = textOrNull(fields["accountUrl"]);
  return {
    handle: textOrNull(fields["id"]) ?? "",
    createdAtMs: timeOf("createdAt"),
    idleExpiresAtMs: timeOf("idleExpiresAt"),
    expiresAtMs: timeOf("expiresAt"),
    authTimeMs: timeOf("authTime"),
    acr: textOrNull(fields["acr"]),
    // Rejects other schemes: `javascript:` in a link would run in this origin.
    accountUrl: /^https?:/.test(accountUrl ?? "") ? accountUrl : null,
  };
}

/** @returns milliseconds since the epoch by this machine's clock; null for a missing or malformed time */
export function parseTimeMs(value: unknown, skewMs: number): number | null {
  const atMs = Date.parse(textOrNull(value) ?? "") + skewMs;
  return Number.isNaN(atMs) ? null : atMs;
}

/**
 * How far this machine's clock is ahead of the gateway's, by the `Date` header. Added to the gateway's times, so that
 * countdowns are right on a machine with a wrong clock.
 * @returns 0 below `minClockSkewMs`
 */
export function clockSkewMs({ headers }: Response, nowMs: number): number {
  const skewMs = nowMs - Date.parse(headers.get("date") ?? "");
  return Math.abs(skewMs) >= minClockSkewMs ? skewMs : 0;
}
