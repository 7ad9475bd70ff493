// A session: who is logged in, since when and how strongly. Never a token.
import { hash, randomBytes } from "node:crypto";
import type { SessionKey } from "../store/store.ts";

export type Session = {
  /** Public handle: shown to the user, useless as a cookie. */
  handle: string;
  issuer: string;
  /** Users are told apart by issuer and subject, never by an e-mail address (ASVS 10.5.2). */
  subject: string;
  providerSid?: string;
  user: Readonly<Record<string, unknown>>;
  roles: readonly string[];
  createdAtMs: number;
  /** Browser and system at login, in words: for the user to recognize it. */
  device?: string;
  /** `iat` of the ID token that began it: a logout issued before that does not mean this session. */
  issuedAtSeconds: number;
  acr?: string;
  authTimeSeconds?: number;
};

/** Seconds: by the provider's clock or by the store's, whichever is behind. An end that came later means this session. */
export function earliestTimeOf({ issuedAtSeconds, createdAtMs }: Session): number {
  return Math.min(issuedAtSeconds, Math.floor(createdAtMs / 1000));
}

/** 256 random bits: a UUID has 122 and would not do (ASVS 11.5.1). */
export function newSessionId(): string {
  return randomBytes(32).toString("base64url");
}

/** Records are found by the hash of the session id: a dump of the store holds no usable cookie (ASVS 7.2.3). */
export function sessionKeyOf(sessionId: string): SessionKey {
  return hash("sha256", sessionId, "base64url");
}

/** What the log calls the provider's session: its sid stays inside, and deploy/audit makes the same of Keycloak's log. */
export function providerSessionName(providerSid: string | undefined): string | undefined {
  return providerSid === undefined ? undefined : hash("sha256", providerSid, "base64url").slice(0, 12);
}

/** @returns undefined for what is not a session record: one that another version wrote, or that was tampered with. */
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
