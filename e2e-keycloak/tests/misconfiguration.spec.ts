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
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER names no realm .* \(404\)/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBe(503);
});

test("an issuer under another name is refused with the setting's name", async ({ world, newGateway }) => {
  const issuer = world.keycloak.issuer.replace("127.0.0.1", "localhost");
  const gateway = await newGateway({ env: { OIDC_ISSUER: issuer }, until: "alive" });
  await expect
    .poll(() => readyzOf(gateway.managementOrigin))
    .toMatch(/OIDC_ISSUER is not what the provider calls itself/);
});

test("a wrong client secret is named in /readyz, and a login is an error page and no redirect loop", async ({
  page,
  newGateway,
}) => {
  const gateway = await newGateway({
    env: { OIDC_CLIENT_SECRET: "this-is-not-the-client-secret" },
    until: "alive",
  });
  await expect
    .poll(() => readyzOf(gateway.managementOrigin))
    .toMatch(/refuses OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBeGreaterThanOrEqual(400);
  expect(new URL(page.url()).origin).toBe(gateway.origin);
  // The log line can be later than the response.
  await expect.poll(gateway.process.output).toMatch(/"path":"\/bff\/login".*OIDC_CLIENT_SECRET/);
  // Said at the start as well, before anybody tried.
  await expect.poll(gateway.process.output).toMatch(/nobody can log in yet/);
  expect(gateway.process.output()).not.toContain("this-is-not-the-client-secret");
});

test("a redirect URI that is not registered is named in /readyz, and a login is an error page", async ({
  page,
  world,
  admin,
}) => {
  const port = await freePort();
  const client = await createClient(admin, "http://localhost:9");
  const gateway = await launchGateway(world, { origin: `http://localhost:${port}`, port, client }, { until: "alive" });
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/redirect URI\. Register PUBLIC_ORIGIN/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBeGreaterThanOrEqual(400);
  expect(new URL(page.url()).origin).toBe(gateway.origin);
  await expect.poll(gateway.process.output).toMatch(/"path":"\/bff\/login".*PUBLIC_ORIGIN/);
  await gateway.process.stop();
});

test("a scope that Keycloak does not know is named in /readyz", async ({ newGateway }) => {
  const gateway = await newGateway({ env: { OIDC_SCOPE: "openid no-such-scope" }, until: "alive" });
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/OIDC_SCOPE/);
});

test("a clock that is two minutes behind is named in the log and in /readyz, and the login is refused", async ({
  page,
  newGateway,
  newUser,
}) => {
  // The gateway's own process with another clock: the preloaded module is the only thing that differs.
  const shifted = `const Real = Date; globalThis.Date = class extends Real {
    constructor(...given) { given.length === 0 ? super(Real.now() - 120000) : super(...given); }
    static now() { return Real.now() - 120000; }
  };`;
  const preload = `data:text/javascript,${encodeURIComponent(shifted)}`;
  const gateway = await newGateway({ env: { NODE_OPTIONS: `--import=${preload}` } });
  await page.goto(`${gateway.origin}/bff/login`);
  await fillLoginForm(page, await newUser());
  await page.waitForURL(`${gateway.origin}/bff/callback**`);
  await expect(page.getByRole("link", { name: /again/i })).toBeVisible();
  const sentence = /the clock of the provider \(OIDC_ISSUER\) is 1[12]\d s ahead of ours.*Set both by NTP/;
  await expect.poll(gateway.process.output).toMatch(sentence);
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(sentence);
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
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER cannot be reached/);
  const { createServer, connect } = await import("node:net");
  const keycloakPort = Number(new URL(world.keycloak.origin).port);
  const path = createServer((socket) => {
    const onward = connect(keycloakPort, "127.0.0.1");
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on("error", () => end.destroy());
  });
  await new Promise<void>((resolve) => path.listen(internal, "127.0.0.1", resolve));
  const user = await newUser();
  await expect.poll(async () => (await page.goto(`${origin}/bff/login`))?.status(), { timeout: 45_000 }).toBe(200);
  await fillLoginForm(page, user);
  await page.waitForURL(`${origin}/**`);
  await gateway.process.stop();
  path.close();
});
