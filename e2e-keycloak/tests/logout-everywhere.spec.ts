// Logging out everywhere, at Keycloak too: by the realm's own client for that, which is off until somebody wants it.
import { call, logIn } from "../support/pages.ts";
import { providerSessions } from "../support/realm-parts.ts";
import { expect, test } from "../support/test.ts";
import type { World } from "../support/world.ts";

const SESSIONS_CLIENT = "cloakroom-sessions";

test("who logs out everywhere is out on every device, and the other device has to log in again", async ({
  page,
  browser,
  world,
  admin,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const [client] = await admin.get<{ id: string; enabled: boolean }[]>(`/demo/clients?clientId=${SESSIONS_CLIENT}`);
  const { value: secret } = await admin.get<{ value: string }>(`/demo/clients/${client?.id}/client-secret`);
  // Off, as it came out of the realm.
  expect(client?.enabled).toBe(false);
  expect(await tokenStatus(world, secret)).toBe(401);
  await admin.send("PUT", `/demo/clients/${client?.id}`, { ...client, enabled: true });
  const gateway = await newGateway({
    env: { KEYCLOAK_ADMIN_CLIENT_ID: SESSIONS_CLIENT, KEYCLOAK_ADMIN_CLIENT_SECRET: secret },
  });
  const readyz = await (await fetch(`${gateway.managementOrigin}/readyz`)).text();
  expect(readyz).not.toContain("degraded");

  const phone = await (await browser.newContext()).newPage();
  await logIn(phone, gateway.origin, user);
  await logIn(page, gateway.origin, user);
  expect(await providerSessions(admin, user)).toHaveLength(2);
  expect(await call(page, "/bff/sessions", "DELETE")).toMatchObject({ status: 200, body: { provider: "ended" } });
  expect(await providerSessions(admin, user)).toEqual([]);
  expect((await call(phone, "/api/protected?message=probe")).status).toBe(401);
  await phone.goto(`${gateway.origin}/bff/login`);
  await expect(phone.getByLabel("Password", { exact: true })).toBeVisible();
  await phone.context().close();
});

async function tokenStatus({ keycloak }: World, secret: string): Promise<number> {
  const response = await fetch(`${keycloak.issuer}/protocol/openid-connect/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${SESSIONS_CLIENT}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return response.status;
}
