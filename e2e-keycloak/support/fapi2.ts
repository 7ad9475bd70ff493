// Gateways for FAPI 2.0 at Keycloak: public origins with https, and clients that one of Keycloak's own client profiles
// applies to. The steps are those of docs/guides/fapi2.md.
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { forwardTo, startHttps } from "@cloakroom/testkit/https-server.ts";
import type { KeycloakAdmin } from "@cloakroom/testkit/keycloak/admin.ts";
import { launchGateway, type TestGateway } from "@cloakroom/testkit/keycloak/gateways.ts";
import { fillLoginForm } from "@cloakroom/testkit/keycloak/pages.ts";
import { createClient, type TestClient, type TestUser } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import type { SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";
import { test as base } from "./test.ts";

/** Keycloak's client profiles, by the client role that selects them and the value of OIDC_PROFILE. */
const CLIENT_PROFILES = {
  fapi2: "fapi-2-dpop-security-profile",
  "fapi2-message-signing": "fapi-2-dpop-message-signing",
} as const;
type Profile = keyof typeof CLIENT_PROFILES;

/** The type of the client's key determines its algorithm. */
const KEYS = {
  PS256: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
} as const;
type Alg = keyof typeof KEYS;

export type FapiOptions = {
  profile: Profile;
  alg: Alg;
  /** Settings in place of OIDC_PROFILE and OIDC_CLIENT_KEY_FILE. */
  env?: (keyFile: string) => Record<string, string>;
  /** As in GatewayOptions. */
  waitFor?: "ready" | "alive";
};

export type Registration = Record<string, unknown> & { id: string; attributes: Record<string, string> };
export type FapiGateway = TestGateway & {
  /** The client as Keycloak stored it. */
  registration: Registration;
};

type Fixtures = {
  /** Starts a gateway with a client of its own; both are stopped after the test. */
  newFapiGateway: (options: FapiOptions) => Promise<FapiGateway>;
};

export const test = base.extend<Fixtures>({
  newFapiGateway: async ({ system, admin }, use) => {
    const folder = mkdtempSync(join(tmpdir(), "cloakroom-fapi-"));
    const stops: (() => Promise<void>)[] = [];
    await use((options) => startFapiGateway({ system, admin, folder, stops }, options));
    for (const stop of stops.reverse()) await stop();
    rmSync(folder, { recursive: true, force: true });
  },
});

export { expect } from "./test.ts";

type Surroundings = { system: SharedSystem; admin: KeycloakAdmin; folder: string; stops: (() => Promise<void>)[] };

async function startFapiGateway(
  { system, admin, folder, stops }: Surroundings,
  { profile, alg, env = (keyFile) => profileEnv(profile, keyFile), waitFor = "ready" }: FapiOptions,
): Promise<FapiGateway> {
  await requirePolicies(admin);
  const [port, publicPort] = [await freePort(), await freePort()];
  const origin = `https://localhost:${publicPort}`;
  const proxy = await startHttps({ certificate: system.certificate, port: publicPort }, forwardTo(port));
  stops.push(proxy.stop);
  const keyFile = join(folder, `${publicPort}.pem`);
  writeFileSync(keyFile, KEYS[alg]().privateKey.export({ type: "pkcs8", format: "pem" }));
  const { client, registration } = await registerClient(admin, { origin, profile, alg });
  const gateway = await launchGateway(system, { origin, port, client }, { env: env(keyFile), waitFor });
  stops.push(gateway.process.stop);
  return { ...gateway, registration };
}

function profileEnv(profile: Profile, keyFile: string): Record<string, string> {
  return { OIDC_PROFILE: profile, OIDC_CLIENT_KEY_FILE: keyFile, OIDC_CLIENT_SECRET: "" };
}

type Policy = { name: string };

/** Client policies that apply the profiles to clients with the role of the same name. Other policies are kept. */
async function requirePolicies(admin: KeycloakAdmin): Promise<void> {
  const path = "/demo/client-policies/policies";
  const { policies = [] } = await admin.get<{ policies?: Policy[] }>(path);
  const missing = Object.entries(CLIENT_PROFILES).filter(([role]) => policies.every(({ name }) => name !== role));
  if (missing.length === 0) return;
  const added = missing.map(([role, clientProfile]) => ({
    name: role,
    enabled: true,
    conditions: [{ condition: "client-roles", configuration: { roles: [role] } }],
    profiles: [clientProfile],
  }));
  await admin.send("PUT", path, { policies: [...policies, ...added] });
}

type ClientOptions = { origin: string; profile: Profile; alg: Alg };

async function registerClient(
  admin: KeycloakAdmin,
  { origin, profile, alg }: ClientOptions,
): Promise<{ client: TestClient; registration: Registration }> {
  const client = await createClient(admin, origin);
  const [created] = await admin.get<Registration[]>(`/demo/clients?clientId=${client.clientId}`);
  if (created === undefined) throw new Error(`Keycloak has no client ${client.clientId}`);
  const path = `/demo/clients/${created.id}`;
  await admin.send("POST", `${path}/roles`, { name: profile });
  // From here on the policy applies, also to this change.
  await admin.send("PUT", path, {
    ...created,
    clientAuthenticatorType: "client-jwt",
    baseUrl: `${origin}/`,
    attributes: {
      ...created.attributes,
      "use.jwks.url": "true",
      "jwks.url": `${origin}/bff/jwks.json`,
      "token.endpoint.auth.signing.alg": alg,
      "request.object.signature.alg": alg,
      "id.token.signed.response.alg": "PS256",
      "access.token.signed.response.alg": "PS256",
      "authorization.signed.response.alg": "PS256",
      // The policy requires pushed requests, not this attribute.
      "require.pushed.authorization.requests": "false",
      "access.token.lifespan": "4",
    },
  });
  return { client, registration: await admin.get<Registration>(path) };
}

/** Logs in and gives the consent that the profiles require at the first login. */
export async function logInWithConsent(page: Page, origin: string, user: TestUser): Promise<void> {
  await page.goto(`${origin}/bff/login`);
  await fillLoginForm(page, user);
  await page.getByRole("button", { name: "Yes", exact: true }).click();
  await page.waitForURL(`${origin}/**`);
}
