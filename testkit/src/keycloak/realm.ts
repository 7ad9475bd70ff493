// Reads the realm file and fills in its placeholders.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const REALM_FILE = join(import.meta.dirname, "../../../deploy/keycloak/demo-realm.json");
export const THEMES_FOLDER = join(import.meta.dirname, "../../../deploy/keycloak/themes");
export const REALM_NAME = "demo";
export const CLIENT_ID = "cloakroom";
export const API_AUDIENCE = "resource-api";

/** The values of the realm's placeholders. */
export type RealmValues = {
  /** The gateway's public origin, without a trailing slash. */
  CLOAKROOM_ORIGIN: string;
  /** The gateway's origin for Keycloak's back-channel logout requests. */
  CLOAKROOM_BACKCHANNEL_ORIGIN: string;
  CLOAKROOM_CLIENT_SECRET: string;
  CLOAKROOM_ALICE_PASSWORD: string;
  CLOAKROOM_ADMIN_PASSWORD: string;
};

/** `${username}` and similar are Keycloak's message keys, not placeholders. */
const PLACEHOLDER = /\$\{(CLOAKROOM_[A-Z_]+)\}/g;

export function placeholdersOf(realm: string): Set<keyof RealmValues> {
  return new Set([...realm.matchAll(PLACEHOLDER)].map((match) => match[1] as keyof RealmValues));
}

/**
 * Keycloak keeps placeholders without a value: the client secret would be the literal, publicly known text
 * `${CLOAKROOM_CLIENT_SECRET}`.
 * @throws Error with one sentence that names all missing values
 */
export function requireRealmValues(env: Readonly<Record<string, string | undefined>>): RealmValues {
  const names = [...placeholdersOf(readFileSync(REALM_FILE, "utf8"))];
  const missing = names.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0)
    throw new Error(`The realm has missing values: set ${missing.join(", ")} (see docs/guides/keycloak.md).`);
  return Object.fromEntries(names.map((name) => [name, env[name]])) as RealmValues;
}

/** The realm with its placeholders filled in, for a manual import, where Keycloak does not replace them. */
export function renderRealm(env: Readonly<Record<string, string | undefined>>): string {
  const values = requireRealmValues(env);
  return readFileSync(REALM_FILE, "utf8").replace(PLACEHOLDER, (_, name: string) =>
    JSON.stringify(values[name as keyof RealmValues]).slice(1, -1),
  );
}
