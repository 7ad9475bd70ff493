// Builds the session record from the claims about the user, and renews it after a refresh.
import { randomBytes } from "node:crypto";
import { stringsAt, valueAt, type ClaimPath } from "../lib/claim-path.ts";
import { isWithin } from "../lib/is-within.ts";
import type { Session } from "../session/session.ts";
import type { FetchedClaims } from "../tokens/fetched-claims.ts";
import { deviceName } from "./device-name.ts";
import { PROTOCOL_CLAIMS, type IdTokenClaims } from "../provider/id-token.ts";

/** More deeply nested claims are dropped: JSON.stringify would overflow the stack. */
const MAX_DEPTH = 16;

export function sessionFromClaims(
  claims: IdTokenClaims,
  { rolePaths, nowMs, userAgent = "" }: { rolePaths: readonly ClaimPath[]; nowMs: number; userAgent?: string },
): Session {
  const device = deviceName(userAgent);
  const { iss, sub, iat, sid, acr, auth_time: authTime } = claims as Record<string, unknown> & IdTokenClaims;
  return {
    handle: randomBytes(12).toString("base64url"),
    issuer: iss,
    subject: sub,
    ...(typeof sid === "string" && sid !== "" ? { providerSid: sid } : {}),
    ...userOf(claims, rolePaths),
    createdAtMs: nowMs,
    ...(device === undefined ? {} : { device }),
    issuedAtSeconds: iat,
    ...(typeof acr === "string" ? { acr } : {}),
    ...(isTime(authTime) ? { authTimeSeconds: authTime } : {}),
    ...loginClaimsOf(claims),
  };
}

/**
 * The session with the claims of a refresh (OIDC Core 1.0 §12.2). Its start, `auth_time` and `sid` are those of the login:
 * a refresh is no authentication, and the session is found by its `sid` (indexes.ts).
 */
export function renewedSession(
  session: Session,
  { claims, isPartial }: FetchedClaims,
  rolePaths: readonly ClaimPath[],
): Session {
  const { acr, auth_time: authTime } = claims;
  return {
    ...session,
    ...(isPartial ? mergedUser(session, claims, rolePaths) : userOf(claims, rolePaths)),
    ...(typeof acr === "string" ? { acr } : {}),
    ...(session.authTimeSeconds === undefined && isTime(authTime) ? { authTimeSeconds: authTime } : {}),
    ...loginClaimsOf({ ...session.loginClaims, ...claims }),
  };
}

const LOGIN_CLAIMS = ["amr", "azp", "aud"] as const;

/** For identity headers (session/identity.ts). */
function loginClaimsOf(claims: Readonly<Record<string, unknown>>): Pick<Session, "loginClaims"> {
  const found = LOGIN_CLAIMS.filter((name) => (claims[name] ?? null) !== null && isWithin(claims[name], 1));
  return found.length === 0 ? {} : { loginClaims: Object.fromEntries(found.map((name) => [name, claims[name]])) };
}

function userOf(
  claims: Readonly<Record<string, unknown>>,
  rolePaths: readonly ClaimPath[],
): Pick<Session, "user" | "roles"> {
  const user = Object.fromEntries(
    Object.entries(claims).filter(([name, value]) => !PROTOCOL_CLAIMS.has(name) && isWithin(value, MAX_DEPTH)),
  );
  const roles = stringsAt(claims, rolePaths);
  return { user: { ...user, roles }, roles };
}

/** The roles of the session stay only if the claims say nothing about roles. */
function mergedUser(
  { user, roles }: Session,
  claims: Readonly<Record<string, unknown>>,
  rolePaths: readonly ClaimPath[],
): Pick<Session, "user" | "roles"> {
  // Found at the role paths by the gateway, and no claim.
  const { roles: _roles, ...others } = user;
  const merged = userOf({ ...others, ...claims }, rolePaths);
  const hasRoles = rolePaths.some((path) => (valueAt(claims, path) ?? null) !== null);
  return hasRoles ? merged : { user: { ...merged.user, roles }, roles };
}

/** Seconds since the epoch that a Date can represent. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 8.64e12;
}
