// What scripts/keycloak/e2e.ts started for the tests, handed over in one environment variable.
import type { AdminCredentials } from "../../scripts/keycloak/start-keycloak.ts";

export type World = {
  keycloak: { origin: string; issuer: string; admin: AdminCredentials; logFile: string };
  redisUrl: string;
  apiUrl: string;
  spaRoot: string;
  /** The gateway of the realm's own client. */
  gateway: { origin: string; managementOrigin: string; clientSecret: string };
  passwords: { alice: string; admin: string };
};

export const WORLD_VARIABLE = "CLOAKROOM_E2E_WORLD";

export function world(): World {
  const text = process.env[WORLD_VARIABLE];
  if (text === undefined) throw new Error("Run these tests with: node scripts/keycloak/e2e.ts");
  return JSON.parse(text) as World;
}
