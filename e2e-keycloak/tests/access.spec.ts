// Authorization in the resource API by the claims of Keycloak's access tokens.
import { call, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";

test("the API receives an access token for its audience with roles and department, and no unneeded claims", async ({
  page,
  system,
  newUser,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  const { status, body } = await call(page, "/api/protected?message=probe");
  expect(status).toBe(200);
  expect(body).toMatchObject({
    message: "probeReceived",
    user: {
      iss: system.keycloak.issuer,
      azp: "cloakroom",
      aud: "resource-api",
      roles: ["user"],
      department: "engineering",
      resource_access: { "resource-api": { roles: ["reports-reader"] } },
      preferred_username: user.username,
      acr: "1",
    },
  });
  for (const claim of ["realm_access", "allowed-origins", "nonce"]) expect(body["user"]).not.toHaveProperty(claim);
});

test("the admin endpoint requires the role admin", async ({ page, browser, system, newUser }) => {
  await logIn(page, system.gateway.origin, await newUser());
  expect((await call(page, "/api/admin")).status).toBe(403);

  const other = await (await browser.newContext()).newPage();
  await logIn(other, system.gateway.origin, await newUser({ groups: ["/operations", "/administrators"] }));
  const { status, body } = await call(other, "/api/admin");
  expect(status).toBe(200);
  expect([...(body["roles"] as string[])].sort()).toEqual(["admin", "user"]);
  await other.context().close();
});

test("the department endpoint requires the department engineering", async ({ page, browser, system, newUser }) => {
  await logIn(page, system.gateway.origin, await newUser({ department: "engineering" }));
  expect((await call(page, "/api/department")).status).toBe(200);

  const other = await (await browser.newContext()).newPage();
  await logIn(other, system.gateway.origin, await newUser({ department: "sales" }));
  expect((await call(other, "/api/department")).status).toBe(403);
  await other.context().close();
});

test("a user cannot change their own department, even with a manipulated request of the account console", async ({
  page,
  system,
  newUser,
  admin,
}) => {
  const user = await newUser({ department: "sales" });
  await logIn(page, system.gateway.origin, user);
  // Single sign-on: the account console asks for no password.
  await page.goto(`${system.keycloak.issuer}/account/`);
  await expect(page.getByRole("button").filter({ hasText: "sales" })).toBeDisabled();
  await page.route(/\/realms\/demo\/account\/?(\?|$)/, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const body = route.request().postDataJSON() as { attributes: Record<string, string[]> };
    body.attributes["department"] = ["engineering"];
    return route.continue({ postData: JSON.stringify(body) });
  });
  const saved = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByLabel(/last name/i).fill("Changed");
  await page.getByRole("button", { name: "Save" }).click();
  const response = await saved;
  expect(response.request().postData()).toContain('"department":["engineering"]');
  const stored = await admin.get<{ attributes: Record<string, string[]> }>(`/demo/users/${user.id}`);
  expect(stored.attributes["department"]).toEqual(["sales"]);
});

test("a role removed from a user is missing from the next access token", async ({
  page,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser({ groups: ["/operations", "/administrators"] });
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "5" } });
  await logIn(page, gateway.origin, user);
  expect((await call(page, "/api/admin")).status).toBe(200);
  const groups = await admin.get<{ id: string; name: string }[]>(`/demo/users/${user.id}/groups`);
  const administrators = groups.find(({ name }) => name === "administrators");
  await admin.send("DELETE", `/demo/users/${user.id}/groups/${administrators?.id}`);
  await expect.poll(async () => (await call(page, "/api/admin")).status, { timeout: 30_000 }).toBe(403);
});
