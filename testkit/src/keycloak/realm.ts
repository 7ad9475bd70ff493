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

/** The users of the realm, with the placeholders of their passwords. */
const PASSWORDS = { alice: "CLOAKROOM_ALICE_PASSWORD", admin: "CLOAKROOM_ADMIN_PASSWORD" } as const;
/** As in the realm's password policy. */
const MIN_PASSWORD_LENGTH = 12;
const MAX_PASSWORD_LENGTH = 128;

/** Keycloak rejects a realm whose users break its policy, with a message that names neither user nor rule. */
function requireAcceptedPasswords(values: RealmValues): void {
  for (const [username, name] of Object.entries(PASSWORDS)) {
    const password = values[name];
    const isAccepted =
      password.length >= MIN_PASSWORD_LENGTH &&
      password.length <= MAX_PASSWORD_LENGTH &&
      !password.toLowerCase().includes(username);
    if (!isAccepted)
      throw new Error(
        `The realm's password policy rejects ${name}: use ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters without "${username}".`,
      );
  }
}

/**
 * Keycloak keeps placeholders without a value: the client secret would be the literal, publicly known text
 * `${CLOAKROOM_CLIENT_SECRET}`.
 * @throws Error with one sentence that names all missing values, or a password that Keycloak rejects
 */
export function requireRealmValues(env: Readonly<Record<string, string | undefined>>): RealmValues {
  const names = [...placeholdersOf(readFileSync(REALM_FILE, "utf8"))];
  const missing = names.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0)
    throw new Error(`The realm has missing values: set ${missing.join(", ")} (see docs/guides/keycloak.md).`);
  const values = Object.fromEntries(names.map((name) => [name, env[name]])) as RealmValues;
  requireAcceptedPasswords(values);
  return values;
}

/** The realm with its placeholders filled in, for a manual import, where Keycloak does not replace them. */
export function renderRealm(env: Readonly<Record<string, string | undefined>>): string {
  const values = requireRealmValues(env);
  return readFileSync(REALM_FILE, "utf8").replace(PLACEHOLDER, (_, name: string) =>
    JSON.stringify(values[name as keyof RealmValues]).slice(1, -1),
  );
}
