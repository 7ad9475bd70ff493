// A wrong setting is one sentence that names it, for the operator in /readyz and for the user on a page.
import { fillLoginForm } from "../support/pages.ts";
import { launchGateway } from "../support/gateways.ts";
import { createClient } from "../support/realm-parts.ts";
import { freePort } from "../../demo/src/free-port.ts";
import { expect, test } from "../support/test.ts";

async function readyzOf(managementOrigin: string): Promise<string> {
  return (await fetch(`${managementOrigin}/readyz`)).text();
}

test("a realm that does not exist is named in /readyz, and a login says that it cannot be reached", async ({
  page,
  world,
  newGateway,
}) => {
  const gateway = await newGateway({
    env: { OIDC_ISSUER: `${world.keycloak.origin}/realms/nowhere` },
    until: "alive",
  });
  expect(await readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBe(503);
});

test("an issuer under another name is refused with the setting's name", async ({ world, newGateway }) => {
  const issuer = world.keycloak.issuer.replace("localhost", "127.0.0.1");
  const gateway = await newGateway({ env: { OIDC_ISSUER: issuer }, until: "alive" });
  expect(await readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER is not what the provider calls itself/);
});

test("a wrong client secret is an error page and a line in the log, no redirect loop", async ({ page, newGateway }) => {
  const gateway = await newGateway({ env: { OIDC_CLIENT_SECRET: "this-is-not-the-client-secret" } });
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBeGreaterThanOrEqual(400);
  expect(new URL(page.url()).origin).toBe(gateway.origin);
  expect(gateway.process.output()).toMatch(/"path":"\/bff\/login".*the provider answered/);
  expect(gateway.process.output()).not.toContain("this-is-not-the-client-secret");
});

test("a redirect URI that is not registered is an error page and a line in the log", async ({ page, world, admin }) => {
  const port = await freePort();
  const client = await createClient(admin, "http://localhost:9");
  const gateway = await launchGateway(world, { origin: `http://localhost:${port}`, port, client });
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBeGreaterThanOrEqual(400);
  expect(new URL(page.url()).origin).toBe(gateway.origin);
  expect(gateway.process.output()).toMatch(/"path":"\/bff\/login".*the provider answered/);
  await gateway.process.stop();
});

test("the gateway that starts before Keycloak is reachable works once it is", async ({
  page,
  world,
  admin,
  newUser,
}) => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const client = await createClient(admin, origin);
  const internal = await freePort();
  const gateway = await launchGateway(
    world,
    { origin, port, client },
    { env: { OIDC_INTERNAL_URL: `http://127.0.0.1:${internal}` }, until: "alive" },
  );
  expect((await page.goto(`${origin}/bff/login`))?.status()).toBe(503);
  expect(await readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER cannot be reached/);
  const { createServer, connect } = await import("node:net");
  const keycloakPort = Number(new URL(world.keycloak.origin).port);
  const path = createServer((socket) => {
    const onward = connect(keycloakPort, "127.0.0.1");
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on("error", () => end.destroy());
  });
  await new Promise<void>((resolve) => path.listen(internal, "127.0.0.1", resolve));
  const user = await newUser();
  await expect.poll(async () => (await page.goto(`${origin}/bff/login`))?.status()).toBe(200);
  await fillLoginForm(page, user);
  await page.waitForURL(`${origin}/**`);
  await gateway.process.stop();
  path.close();
});
