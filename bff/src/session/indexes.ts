// Names of the session indexes: by the provider's session, by user, by user for sessions without a provider's session, and
// by public handle.
import { hash } from "node:crypto";
import type { IndexName } from "../store/store.ts";
import type { Session } from "./session.ts";

/** A subject is unique only within its issuer (OIDC Core 1.0 §5.7). */
export type UserName = { issuer: string; subject: string };

export type LogoutTarget =
  | { kind: "provider-session"; issuer: string; providerSid: string }
  | ({ kind: "user" | "user-without-sid"; issuedAtSeconds: number } & UserName);

export function indexOf(target: LogoutTarget): IndexName {
  const { kind, issuer } = target;
  return named(kind, issuer, kind === "provider-session" ? target.providerSid : target.subject);
}

export function userIndex({ issuer, subject }: UserName): IndexName {
  return named("user", issuer, subject);
}

/** Sessions that the user has asked to end by this handle. The user is part of the name (I3). */
export function requestedEndIndex({ issuer, subject }: UserName, handle: string): IndexName {
  return named("asked-to-end", issuer, subject, handle);
}

/**
 * Closed when an administrator ends the sessions of a user. Compared with the earliest time of a login (`earliestTimeOf`),
 * because the provider's clock may be ahead of the store's; without entries.
 */
export function endedUserIndex({ issuer, subject }: UserName): IndexName {
  return named("user-ended", issuer, subject);
}

/** The session with this public handle. */
export function handleIndex(handle: string): IndexName {
  return named("handle", handle);
}

/** The session that an administrator has asked to end by this handle. */
export function administratorEndIndex(handle: string): IndexName {
  return named("asked-to-end", handle);
}

export function indexesOf({ issuer, subject, providerSid, handle }: Session): IndexName[] {
  const ofProvider =
    providerSid === undefined
      ? named("user-without-sid", issuer, subject)
      : named("provider-session", issuer, providerSid);
  return [ofProvider, userIndex({ issuer, subject }), handleIndex(handle)];
}

function named(kind: IndexName["kind"], ...values: readonly string[]): IndexName {
  return { kind, hash: hash("sha256", JSON.stringify(values), "base64url") };
}
