// Settings of the Keycloak client that ends sessions (KEYCLOAK_ADMIN_*), and their rules.
import { z } from "zod";
import { text, type Setting } from "./setting-shapes.ts";

export const KEYCLOAK_ADMIN_SETTINGS = {
  KEYCLOAK_ADMIN_CLIENT_ID: {
    path: "provider.keycloakAdmin.clientId",
    scope: "application",
    schema: text,
    meaning:
      'Separate Keycloak client whose service account may end sessions, so that "log out everywhere" also ends the sessions at Keycloak',
  },
  KEYCLOAK_ADMIN_CLIENT_SECRET: {
    path: "provider.keycloakAdmin.clientSecret",
    scope: "application",
    schema: z.string().min(16, "must have at least 16 characters"),
    secret: true,
    isReread: true,
    meaning: "Secret of that client",
  },
} as const satisfies Record<string, Setting>;

type AdminSettingName = keyof typeof KEYCLOAK_ADMIN_SETTINGS;
type Values = { [N in AdminSettingName | "OIDC_CLIENT_ID" | "OIDC_ISSUER"]?: string };

export type KeycloakAdminConfig = Readonly<{
  clientId: string;
  clientSecret: string;
  /** Read again for each use. */
  clientSecretFile: string | undefined;
}>;

export function keycloakAdmin(
  values: Values,
  fileOf: (name: AdminSettingName) => string | undefined,
): KeycloakAdminConfig | undefined {
  const { KEYCLOAK_ADMIN_CLIENT_ID: clientId, KEYCLOAK_ADMIN_CLIENT_SECRET: clientSecret } = values;
  if (clientId === undefined || clientSecret === undefined) return undefined;
  return { clientId, clientSecret, clientSecretFile: fileOf("KEYCLOAK_ADMIN_CLIENT_SECRET") };
}

export function keycloakAdminErrors(values: Values, isSet: (name: AdminSettingName) => boolean): string[] {
  const { KEYCLOAK_ADMIN_CLIENT_ID: id, OIDC_ISSUER: realm } = values;
  if (isSet("KEYCLOAK_ADMIN_CLIENT_ID") !== isSet("KEYCLOAK_ADMIN_CLIENT_SECRET"))
    return ["KEYCLOAK_ADMIN_CLIENT_ID and KEYCLOAK_ADMIN_CLIENT_SECRET must be set together. Set both or neither."];
  if (id === undefined) return [];
  const faults: string[] = [];
  if (id === values.OIDC_CLIENT_ID)
    faults.push(
      "KEYCLOAK_ADMIN_CLIENT_ID must differ from OIDC_CLIENT_ID, whose tokens are sent to upstreams. Register a separate client.",
    );
  if (realm !== undefined && !/\/realms\/[^/]+$/.test(realm))
    faults.push("KEYCLOAK_ADMIN_CLIENT_ID needs an OIDC_ISSUER that is a realm of Keycloak (…/realms/name). Unset it.");
  return faults;
}
