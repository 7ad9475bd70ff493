// The session record: who is logged in, since when, and how strongly authenticated. It never holds a token.
import { hash, randomBytes } from "node:crypto";
import type { SessionKey } from "../store/store.ts";

export type Session = {
  /** Public name of the session in responses and logs. It does not authenticate. */
  handle: string;
  issuer: string;
  /** Issuer and subject identify a user, never an e-mail address (ASVS 10.5.2). */
  subject: string;
  providerSid?: string;
  user: Readonly<Record<string, unknown>>;
  roles: readonly string[];
  /** Claims of the ID token that describe the login and are not shown to the app: `amr`, `azp`, `aud`. */
  loginClaims?: Readonly<Record<string, unknown>>;
  createdAtMs: number;
  /** Browser and operating system at login, such as "Firefox on Linux". */
  device?: string;
  /** `iat` of the ID token of the login. A logout token issued earlier does not end this session. */
  issuedAtSeconds: number;
  acr?: string;
  authTimeSeconds?: number;
};

/** Begin of the session in seconds by the provider's or the store's clock, whichever is earlier. */
export function earliestTimeOf({ issuedAtSeconds, createdAtMs }: Session): number {
  return Math.min(issuedAtSeconds, Math.floor(createdAtMs / 1000));
}

/** 256 random bits, base64url. A UUID has only 122 (ASVS 11.5.1). */
export function newSessionId(): string {
  return randomBytes(32).toString("base64url");
}

/** The store holds only the hash of the session id, so that a dump contains no usable cookie (ASVS 7.2.3). */
export function sessionKeyOf(sessionId: string): SessionKey {
  return hash("sha256", sessionId, "base64url");
}

/** Name of the provider's session in the log: a hash of its sid. deploy/audit computes the same from Keycloak's events. */
export function providerSessionName(providerSid: string | undefined): string | undefined {
  return providerSid === undefined ? undefined : hash("sha256", providerSid, "base64url").slice(0, 12);
}

/** @returns undefined for a record of another release and for one that was altered */
export function parseSession(json: string): Session | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isSession(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isSession(value: unknown): value is Session {
  if (typeof value !== "object" || value === null) return false;
  const { handle, issuer, subject, user, roles, createdAtMs, issuedAtSeconds } = value as Record<string, unknown>;
  return (
    typeof handle === "string" &&
    typeof issuer === "string" &&
    typeof subject === "string" &&
    typeof user === "object" &&
    user !== null &&
    Array.isArray(roles) &&
    typeof createdAtMs === "number" &&
    typeof issuedAtSeconds === "number"
  );
}
