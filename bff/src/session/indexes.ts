// Names of the session indexes: by the provider's session and by user.
import { hash } from "node:crypto";
import type { IndexName } from "../store/store.ts";
import type { Session } from "./session.ts";

/** A subject is unique only within its issuer (OIDC Core 1.0 §5.7). */
export type UserName = { issuer: string; subject: string };

export type LogoutTarget =
  | { kind: "provider-session"; issuer: string; providerSid: string }
  | ({ kind: "user"; issuedAtSeconds: number } & UserName);

export function indexOf(target: LogoutTarget): IndexName {
  return target.kind === "user" ? userIndex(target) : named(target.kind, target.issuer, target.providerSid);
}

export function userIndex({ issuer, subject }: UserName): IndexName {
  return named("user", issuer, subject);
}

/** Sessions that the user has asked to end by this handle. The user is part of the name (I3). */
export function requestedEndIndex({ issuer, subject }: UserName, handle: string): IndexName {
  return named("asked-to-end", issuer, subject, handle);
}

export function indexesOf({ issuer, subject, providerSid }: Session): IndexName[] {
  const user = userIndex({ issuer, subject });
  return providerSid === undefined ? [user] : [named("provider-session", issuer, providerSid), user];
}

function named(kind: IndexName["kind"], ...values: readonly string[]): IndexName {
  return { kind, hash: hash("sha256", JSON.stringify(values), "base64url") };
}
