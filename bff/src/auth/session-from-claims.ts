// Builds the session record from the claims of the ID token.
import { randomBytes } from "node:crypto";
import { stringsAt, type ClaimPath } from "../lib/claim-path.ts";
import type { Session } from "../session/session.ts";
import { deviceName } from "./device-name.ts";
import type { IdTokenClaims } from "../provider/id-token.ts";

/** Claims that only the protocol needs. They are not shown to the app; `sid` would help to forge a logout. */
const PROTOCOL_CLAIMS: ReadonlySet<string> = new Set([
  "iss",
  "aud",
  "exp",
  "iat",
  "nbf",
  "jti",
  "nonce",
  "azp",
  "sid",
  "session_state",
  "at_hash",
  "c_hash",
  "s_hash",
  "auth_time",
  "acr",
  "amr",
  "typ",
  "events",
  "cnf",
  // Aggregated and distributed claims (OIDC Core 1.0 §5.6.2) are not read. Their sources may contain an access token (I1).
  "_claim_names",
  "_claim_sources",
  // Prototype pollution in a page that copies the claims by assignment.
  "__proto__",
]);

/** More deeply nested claims are dropped: JSON.stringify would overflow the stack. */
const MAX_DEPTH = 16;

export function sessionFromClaims(
  claims: IdTokenClaims,
  { rolePaths, nowMs, userAgent = "" }: { rolePaths: readonly ClaimPath[]; nowMs: number; userAgent?: string },
): Session {
  const user = Object.fromEntries(
    Object.entries(claims).filter(([name, value]) => !PROTOCOL_CLAIMS.has(name) && isWithin(value, MAX_DEPTH)),
  );
  const roles = stringsAt(claims, rolePaths);
  const device = deviceName(userAgent);
  const { iss, sub, iat, sid, acr, auth_time: authTime } = claims as Record<string, unknown> & IdTokenClaims;
  return {
    handle: randomBytes(12).toString("base64url"),
    issuer: iss,
    subject: sub,
    ...(typeof sid === "string" && sid !== "" ? { providerSid: sid } : {}),
    user: { ...user, roles },
    roles,
    createdAtMs: nowMs,
    ...(device === undefined ? {} : { device }),
    issuedAtSeconds: iat,
    ...(typeof acr === "string" ? { acr } : {}),
    ...(isTime(authTime) ? { authTimeSeconds: authTime } : {}),
  };
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isWithin(each, levels - 1));
}

/** Seconds since the epoch that a Date can represent. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 8.64e12;
}
