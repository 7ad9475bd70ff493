// Validation of back-channel logout tokens (OIDC Back-Channel Logout 1.0 §2.4 to §2.6).
import { errors, type JWTPayload } from "jose";
import { GatewayError } from "../errors.ts";
import type { VerifyToken } from "./provider-keys.ts";
import { CLOCK_TOLERANCE_SECONDS } from "./clock-skew.ts";

const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** A provider sends a logout token at once: an older one is a replay, whatever its `exp` is. */
const MAX_AGE_SECONDS = 150;

export type LogoutToken = {
  jti: string;
  issuedAtSeconds: number;
  providerSid: string | undefined;
  subject: string | undefined;
};

type Rules = { issuer: string; clientId: string; alg: string; nowSeconds: number };

/** @throws GatewayError request_malformed with the reason; provider_unavailable if the keys cannot be fetched */
export async function verifyLogoutToken(jwt: string, verify: VerifyToken, rules: Rules): Promise<LogoutToken> {
  let claims: JWTPayload;
  try {
    claims = await verify(jwt, {
      issuer: rules.issuer,
      audience: rules.clientId,
      algorithms: [rules.alg],
      typ: "logout+jwt",
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      requiredClaims: ["iss", "aud", "iat", "exp", "jti", "events"],
    });
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const claim = error instanceof errors.JWTClaimValidationFailed ? ` (${error.claim})` : "";
    const code = error instanceof errors.JOSEError ? error.code : "unreadable";
    throw new GatewayError("request_malformed", { cause: error, reason: `logout token refused: ${code}${claim}` });
  }
  const { jti, iat, sid, sub, events, nonce } = claims as Record<string, unknown>;
  const refuse = (reason: string) =>
    new GatewayError("request_malformed", { reason: `logout token refused: ${reason}` });
  if (nonce !== undefined) throw refuse("nonce is present (an ID token?)");
  if (!isLogoutEvent(events)) throw refuse("events has no logout event");
  if (typeof jti !== "string" || jti === "") throw refuse("jti is missing or empty");
  if (typeof iat !== "number") throw refuse("iat is not a number");
  const providerSid = typeof sid === "string" && sid !== "" ? sid : undefined;
  const subject = typeof sub === "string" && sub !== "" ? sub : undefined;
  if (providerSid === undefined && subject === undefined) throw refuse("sid and sub are missing");
  return { jti, issuedAtSeconds: iat, providerSid, subject };
}

function isLogoutEvent(events: unknown): boolean {
  if (typeof events !== "object" || events === null || Array.isArray(events)) return false;
  const event = Object.hasOwn(events, LOGOUT_EVENT) ? (events as Record<string, unknown>)[LOGOUT_EVENT] : undefined;
  return typeof event === "object" && event !== null && !Array.isArray(event);
}
