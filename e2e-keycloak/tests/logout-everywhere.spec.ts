// Logging out everywhere at the gateway and at Keycloak, through the realm's client for it, which is disabled by default.
import { call, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { listProviderSessions } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";
import type { SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";

const SESSIONS_CLIENT = "cloakroom-sessions";

test("logging out everywhere ends all of the user's sessions at the gateway and at Keycloak", async ({
  page,
  browser,
  system,
  admin,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const [client] = await admin.get<{ id: string; enabled: boolean }[]>(`/demo/clients?clientId=${SESSIONS_CLIENT}`);
  const { value: secret } = await admin.get<{ value: string }>(`/demo/clients/${client?.id}/client-secret`);
  // Disabled by default.
  expect(client?.enabled).toBe(false);
  expect(await tokenStatus(system, secret)).toBe(401);
  await admin.send("PUT", `/demo/clients/${client?.id}`, { ...client, enabled: true });
  const gateway = await newGateway({
    env: { KEYCLOAK_ADMIN_CLIENT_ID: SESSIONS_CLIENT, KEYCLOAK_ADMIN_CLIENT_SECRET: secret },
  });
  const readyz = await (await fetch(`${gateway.managementOrigin}/readyz`)).text();
  expect(readyz).not.toContain("degraded");

  const phone = await (await browser.newContext()).newPage();
  await logIn(phone, gateway.origin, user);
  await logIn(page, gateway.origin, user);
  expect(await listProviderSessions(admin, user)).toHaveLength(2);
  expect(await call(page, "/bff/sessions", "DELETE")).toMatchObject({ status: 200, body: { provider: "ended" } });
  expect(await listProviderSessions(admin, user)).toEqual([]);
  expect((await call(phone, "/api/protected?message=probe")).status).toBe(401);
  await phone.goto(`${gateway.origin}/bff/login`);
  await expect(phone.getByLabel("Password", { exact: true })).toBeVisible();
  await phone.context().close();
});

async function tokenStatus({ keycloak }: SharedSystem, secret: string): Promise<number> {
  const response = await fetch(`${keycloak.issuer}/protocol/openid-connect/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${SESSIONS_CLIENT}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return response.status;
}
