// Validation of back-channel logout tokens (OIDC Back-Channel Logout 1.0 §2.4 to §2.6).
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload } from "jose";
import { GatewayError } from "../errors.ts";
import { issuerError, issuerOption, tenantError, type Issuers } from "./issuers.ts";
import type { VerifyToken } from "./provider-keys.ts";
import { CLOCK_TOLERANCE_SECONDS } from "./clock-skew.ts";

const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** A provider sends a logout token at once: an older one is a replay, whatever its `exp` is. */
const MAX_AGE_SECONDS = 150;

export type LogoutToken = {
  issuer: string;
  jti: string;
  issuedAtSeconds: number;
  providerSid: string | undefined;
  subject: string | undefined;
};

type Rules = Issuers & {
  clientId: string;
  alg: string;
  /** Whether `typ` must be `logout+jwt`, which §2.4 recommends. Otherwise `JWT` and none are accepted as well. */
  typRequired: boolean;
};

/** @throws GatewayError request_malformed with the reason; provider_unavailable if the keys cannot be fetched */
export async function verifyLogoutToken(jwt: string, verify: VerifyToken, rules: Rules): Promise<LogoutToken> {
  let claims: JWTPayload;
  try {
    claims = await verify(jwt, {
      ...issuerOption(rules),
      audience: rules.clientId,
      algorithms: [rules.alg],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      requiredClaims: ["iss", "aud", "iat", "exp", "jti", "events"],
    });
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const claim = error instanceof errors.JWTClaimValidationFailed ? ` (${error.claim})` : "";
    const code = error instanceof errors.JOSEError ? error.code : "unreadable";
    throw new GatewayError("request_malformed", { cause: error, reason: `logout token rejected: ${code}${claim}` });
  }
  const { iss, tid, jti, iat, sid, sub, events, nonce } = claims as Record<string, unknown>;
  const reject = (reason: string) =>
    new GatewayError("request_malformed", { reason: `logout token rejected: ${reason}` });
  const problem = issuerProblem({ iss, tid }, rules) ?? typError(decodeProtectedHeader(jwt), rules.typRequired);
  if (problem !== undefined) throw reject(problem);
  if (nonce !== undefined) throw reject("nonce is present (an ID token?)");
  if (!isLogoutEvent(events)) throw reject("events has no logout event");
  if (typeof jti !== "string" || jti === "") throw reject("jti is missing or empty");
  if (typeof iat !== "number") throw reject("iat is not a number");
  const providerSid = typeof sid === "string" && sid !== "" ? sid : undefined;
  const subject = typeof sub === "string" && sub !== "" ? sub : undefined;
  if (providerSid === undefined && subject === undefined) throw reject("sid and sub are missing");
  return { issuer: iss as string, jti, issuedAtSeconds: iat, providerSid, subject };
}

/** Selects an application before the verification: by claims that nothing has verified. */
export function isDirectedAt(jwt: string, rules: Pick<Rules, "issuer" | "tenants" | "clientId">): boolean {
  try {
    const { iss, aud } = decodeJwt(jwt);
    return issuerError(iss, rules) === undefined && [aud].flat().includes(rules.clientId);
  } catch {
    return false;
  }
}

function issuerProblem({ iss, tid }: { iss: unknown; tid: unknown }, rules: Rules): string | undefined {
  const foreign = issuerError(iss, rules);
  if (foreign !== undefined) return `iss names ${foreign}`;
  // Optional in logout tokens, which OIDC Back-Channel Logout 1.0 defines without it.
  return tid === undefined ? undefined : tenantError({ iss, tid }, rules);
}

/**
 * Media types are compared without regard to case, and the prefix `application/` may be omitted (RFC 7515 §4.1.9). Other
 * types, such as `at+jwt` and `secevent+jwt`, are never accepted (RFC 8725 §3.11).
 */
function typError(header: Record<string, unknown>, typRequired: boolean): string | undefined {
  const { typ } = header;
  const type = typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : typ;
  if (type === "logout+jwt") return undefined;
  if (type !== undefined && type !== "jwt") return "its typ is that of another token type";
  if (!typRequired) return undefined;
  return `its typ is ${type === undefined ? "missing" : "JWT"}, not logout+jwt. Set OIDC_LOGOUT_TOKEN_TYP=optional if this provider sends no other type`;
}

function isLogoutEvent(events: unknown): boolean {
  if (typeof events !== "object" || events === null || Array.isArray(events)) return false;
  const event = Object.hasOwn(events, LOGOUT_EVENT) ? (events as Record<string, unknown>)[LOGOUT_EVENT] : undefined;
  return typeof event === "object" && event !== null && !Array.isArray(event);
}
