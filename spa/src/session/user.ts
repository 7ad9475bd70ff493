// The user as the pages show it: texts of claims are chosen by users and providers.
import type { DefaultClaims } from "@cloakroom/client";
import { sanitizeJson, sanitizeText } from "../server/sanitize-text.ts";

export interface User {
  readonly sub: string;
  /** The first non-blank of name, preferred_username, email and sub. */
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export function parseUser(received: DefaultClaims): User {
  const claims = sanitizeJson(received) as Record<string, unknown>;
  const names = [claims["name"], claims["preferred_username"], claims["email"], claims["sub"]];
  // The gateway sends what the provider sent, whatever the type says.
  const roles: readonly unknown[] = Array.isArray(received.roles) ? received.roles : [];
  return {
    sub: received.sub,
    displayName: (names.find((name) => typeof name === "string" && name.trim() !== "") ?? received.sub) as string,
    // Drops roles with hidden characters: sanitized, "ad<U+202E>min" would match "admin".
    roles: roles.filter((role): role is string => typeof role === "string" && sanitizeText(role) === role),
    claims,
  };
}
