// The system that scripts/keycloak/e2e.ts starts for all tests, passed as JSON in an environment variable.
import type { TestCertificate } from "../certificates.ts";
import type { AdminCredentials } from "./start-keycloak.ts";

export type SharedSystem = {
  keycloak: { origin: string; issuer: string; admin: AdminCredentials; logFile: string };
  redisUrl: string;
  apiUrl: string;
  spaRoot: string;
  /** The gateway with the realm's own client. */
  gateway: { origin: string; managementOrigin: string; clientSecret: string };
  passwords: { alice: string; admin: string };
  /** For https servers on localhost. Keycloak trusts its CA; browsers do not. */
  certificate: TestCertificate;
};

export const SHARED_SYSTEM_VARIABLE = "CLOAKROOM_E2E_SYSTEM";

export function readSharedSystem(): SharedSystem {
  const text = process.env[SHARED_SYSTEM_VARIABLE];
  if (text === undefined) throw new Error("Run these tests with: node scripts/keycloak/e2e.ts");
  return JSON.parse(text) as SharedSystem;
}
