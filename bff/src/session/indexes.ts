// By what sessions are found together: the provider's session that they came from, and their user.
import { hash } from "node:crypto";
import type { IndexName } from "../store/store.ts";
import type { Session } from "./session.ts";

/** Users are told apart by both: a subject alone belongs to nobody (OIDC Core 1.0 §5.7). */
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

/** The user is part of its name: whoever asks by another's handle finds nothing. */
export function askedToEnd({ issuer, subject }: UserName, handle: string): IndexName {
  return named("asked-to-end", issuer, subject, handle);
}

export function indexesOf({ issuer, subject, providerSid }: Session): IndexName[] {
  const user = userIndex({ issuer, subject });
  return providerSid === undefined ? [user] : [named("provider-session", issuer, providerSid), user];
}

function named(kind: IndexName["kind"], ...parts: readonly string[]): IndexName {
  return { kind, hash: hash("sha256", JSON.stringify(parts), "base64url") };
}
