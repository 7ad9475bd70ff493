// The realm as code, and the values that it is not complete without.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const REALM_FILE = join(import.meta.dirname, "../../../deploy/keycloak/demo-realm.json");
export const THEMES_FOLDER = join(import.meta.dirname, "../../../deploy/keycloak/themes");
export const REALM_NAME = "demo";
export const CLIENT_ID = "cloakroom";
export const API_AUDIENCE = "resource-api";

/** What each placeholder of the realm stands for. */
export type RealmValues = {
  /** The gateway as browsers know it, without a final slash: redirect URIs are exact. */
  CLOAKROOM_ORIGIN: string;
  /** The gateway as Keycloak reaches it, for back-channel logout. */
  CLOAKROOM_BACKCHANNEL_ORIGIN: string;
  CLOAKROOM_CLIENT_SECRET: string;
  CLOAKROOM_ALICE_PASSWORD: string;
  CLOAKROOM_ADMIN_PASSWORD: string;
};

/** Ours; `${username}` and the like are Keycloak's own message keys and stay. */
const PLACEHOLDER = /\$\{(CLOAKROOM_[A-Z_]+)\}/g;

export function placeholdersOf(realm: string): Set<keyof RealmValues> {
  return new Set([...realm.matchAll(PLACEHOLDER)].map((match) => match[1] as keyof RealmValues));
}

/**
 * Keycloak leaves a placeholder without a value as it stands: the client secret would be the text
 * `${CLOAKROOM_CLIENT_SECRET}`, which everybody can read in this repository.
 * @throws Error with one sentence that names every value that is missing
 */
export function requireRealmValues(env: Readonly<Record<string, string | undefined>>): RealmValues {
  const names = [...placeholdersOf(readFileSync(REALM_FILE, "utf8"))];
  const missing = names.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0)
    throw new Error(`The realm is not complete: set ${missing.join(", ")} (see docs/guides/keycloak.md).`);
  return Object.fromEntries(names.map((name) => [name, env[name]])) as RealmValues;
}

/** The realm with its values filled in: for an import by hand, where Keycloak replaces nothing. */
export function renderRealm(env: Readonly<Record<string, string | undefined>>): string {
  const values = requireRealmValues(env);
  return readFileSync(REALM_FILE, "utf8").replace(PLACEHOLDER, (_, name: string) =>
    JSON.stringify(values[name as keyof RealmValues]).slice(1, -1),
  );
}
