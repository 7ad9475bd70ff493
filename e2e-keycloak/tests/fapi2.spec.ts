// FAPI 2.0 at Keycloak: OIDC_PROFILE with the client profiles that Keycloak ships, applied by client policies.
import type { Page } from "@playwright/test";
import { call, fetchUser, logOut } from "@cloakroom/testkit/keycloak/pages.ts";
import { listProviderSessions } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, logInWithConsent, test } from "../support/fapi2.ts";

// Keycloak's profiles accept redirect URIs with https only.
test.use({ ignoreHTTPSErrors: true });
// One worker: the realm's client policies are one document.
test.describe.configure({ mode: "default", timeout: 150_000 });

const BOUND = { OIDC_SENDER_CONSTRAINED: "dpop", OIDC_ID_TOKEN_ALG: "PS256" };

const withoutProfile = (keyFile: string): Record<string, string> => ({
  ...BOUND,
  OIDC_CLIENT_AUTH: "private_key_jwt",
  OIDC_CLIENT_KEY_FILE: keyFile,
  OIDC_CLIENT_SECRET: "",
});

test("FAPI 2.0: login, API calls, refreshes and logout succeed under Keycloak's DPoP security profile", async ({
  page,
  admin,
  newUser,
  newFapiGateway,
}) => {
  const user = await newUser({ firstName: "Ada", lastName: "Lovelace" });
  const gateway = await newFapiGateway({ profile: "fapi2", alg: "PS256" });
  // Set by the policy: it applies to this client.
  expect(gateway.registration).toMatchObject({
    consentRequired: true,
    attributes: { "dpop.bound.access.tokens": "true" },
  });
  const authorization = authorizationParameters(page);
  await logInWithConsent(page, gateway.origin, user);
  expect(await authorization).toEqual(["client_id", "request_uri"]);
  expect((await fetchUser(page)).user).toMatchObject({ name: "Ada Lovelace", roles: ["user"] });
  await expectRefreshesWithOneKey(page);
  type KeycloakEvent = { type: string; details?: Record<string, string> };
  const events = await admin.get<KeycloakEvent[]>(`/demo/events?user=${user.id}`);
  expect(events.find(({ type }) => type === "CODE_TO_TOKEN")?.details).toMatchObject({
    client_auth_method: "client-jwt",
  });
  await logOut(page, gateway.origin);
  expect(await listProviderSessions(admin, user)).toEqual([]);
});

test("FAPI 2.0: Message Signing succeeds with signed requests, a signed response and a signed logout token", async ({
  page,
  admin,
  newUser,
  newFapiGateway,
}) => {
  const user = await newUser();
  const gateway = await newFapiGateway({ profile: "fapi2-message-signing", alg: "ES256" });
  const authorization = authorizationParameters(page);
  const callback = page.waitForRequest((request) => request.url().startsWith(`${gateway.origin}/bff/callback`));
  await logInWithConsent(page, gateway.origin, user);
  expect(await authorization).toEqual(["client_id", "request_uri"]);
  expect([...new URL((await callback).url()).searchParams.keys()]).toEqual(["response"]);
  expect((await fetchUser(page)).user).toMatchObject({ roles: ["user"] });
  await expectRefreshesWithOneKey(page);
  await admin.send("POST", `/demo/users/${user.id}/logout`);
  await expect
    .poll(() => call(page, "/api/protected?message=probe"))
    .toMatchObject({ status: 401, body: { code: "session_revoked" } });
});

test("FAPI 2.0: Keycloak rejects an authorization request that is not pushed", async ({ page, newFapiGateway }) => {
  const gateway = await newFapiGateway({
    profile: "fapi2",
    alg: "ES256",
    env: (keyFile) => ({ ...withoutProfile(keyFile), OIDC_PAR: "off" }),
  });
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBe(400);
  await expect(page.getByText("PAR request_uri not included")).toBeVisible();
});

test("FAPI 2.0: a login without a signed request fails where Keycloak requires one, and the log names the setting", async ({
  page,
  newFapiGateway,
}) => {
  const gateway = await newFapiGateway({ profile: "fapi2-message-signing", alg: "ES256", env: withoutProfile });
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBe(400);
  await expect.poll(gateway.process.output).toContain("OIDC_SIGNED_REQUEST=on");
});

test("FAPI 2.0: a gateway with a client secret is not ready, and /readyz names OIDC_CLIENT_AUTH", async ({
  newFapiGateway,
}) => {
  const gateway = await newFapiGateway({
    profile: "fapi2",
    alg: "ES256",
    env: () => ({ ...BOUND, OIDC_CLIENT_AUTH: "client_secret_basic" }),
    waitFor: "alive",
  });
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toContain("OIDC_CLIENT_AUTH");
});

test("FAPI 2.0: a login with unbound tokens fails, and the log names OIDC_SENDER_CONSTRAINED", async ({
  page,
  newUser,
  newFapiGateway,
}) => {
  const gateway = await newFapiGateway({
    profile: "fapi2",
    alg: "ES256",
    env: (keyFile) => ({ ...withoutProfile(keyFile), OIDC_SENDER_CONSTRAINED: "off" }),
  });
  const callback = page.waitForResponse((response) => response.url().startsWith(`${gateway.origin}/bff/callback`));
  await logInWithConsent(page, gateway.origin, await newUser());
  expect((await callback).status()).toBe(400);
  await expect.poll(gateway.process.output).toContain("OIDC_SENDER_CONSTRAINED=dpop");
});

test("FAPI 2.0: Keycloak rejects http URLs of the client", async ({ admin, newFapiGateway }) => {
  const { registration } = await newFapiGateway({ profile: "fapi2", alg: "ES256" });
  const change = { ...registration, redirectUris: ["http://localhost:9/bff/callback"] };
  await expect(admin.send("PUT", `/demo/clients/${registration.id}`, change)).rejects.toThrow(/Invalid redirectUris/);
});

/** @returns the names of the parameters that the browser sends to Keycloak's authorization endpoint */
async function authorizationParameters(page: Page): Promise<string[]> {
  const request = await page.waitForRequest((each) => each.url().includes("/protocol/openid-connect/auth?"));
  return [...new URL(request.url()).searchParams.keys()].sort();
}

/** Calls the API, which verifies the proofs, until two refreshes have taken place. */
async function expectRefreshesWithOneKey(page: Page): Promise<void> {
  const tokens = new Set<unknown>();
  const keys = new Set<unknown>();
  await expect
    .poll(
      async () => {
        const { status, body } = await call(page, "/api/protected?message=bound");
        expect(status).toBe(200);
        const claims = body["user"] as { jti?: string; cnf?: { jkt?: string } };
        tokens.add(claims.jti);
        keys.add(claims.cnf?.jkt);
        return tokens.size;
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThanOrEqual(3);
  expect([...keys]).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
}

async function readyzOf(managementOrigin: string): Promise<string> {
  return (await fetch(`${managementOrigin}/readyz`)).text();
}
