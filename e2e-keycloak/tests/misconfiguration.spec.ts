// Misconfiguration: /readyz and the log name the setting, and a login shows an error page.
import { fillLoginForm } from "@cloakroom/testkit/keycloak/pages.ts";
import { launchGateway } from "@cloakroom/testkit/keycloak/gateways.ts";
import { createClient } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { expect, test } from "../support/test.ts";

async function readyzOf(managementOrigin: string): Promise<string> {
  return (await fetch(`${managementOrigin}/readyz`)).text();
}

test("an issuer of a nonexistent realm is reported in /readyz, and a login gets a 503", async ({
  page,
  system,
  newGateway,
}) => {
  const gateway = await newGateway({
    env: { OIDC_ISSUER: `${system.keycloak.origin}/realms/nowhere` },
    waitFor: "alive",
  });
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER names no realm .* \(404\)/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBe(503);
});

test("an issuer that differs from the provider's own is reported in /readyz as OIDC_ISSUER", async ({
  system,
  newGateway,
}) => {
  const issuer = system.keycloak.issuer.replace("127.0.0.1", "localhost");
  const gateway = await newGateway({ env: { OIDC_ISSUER: issuer }, waitFor: "alive" });
  await expect
    .poll(() => readyzOf(gateway.managementOrigin))
    .toMatch(/OIDC_ISSUER is not what the provider calls itself/);
});

test("a wrong client secret is reported in /readyz and in the log, and a login shows an error page", async ({
  page,
  newGateway,
}) => {
  const gateway = await newGateway({
    env: { OIDC_CLIENT_SECRET: "this-is-not-the-client-secret" },
    waitFor: "alive",
  });
  await expect
    .poll(() => readyzOf(gateway.managementOrigin))
    .toMatch(/rejects OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBeGreaterThanOrEqual(400);
  expect(new URL(page.url()).origin).toBe(gateway.origin);
  // Polled: the log line is written after the response.
  await expect.poll(gateway.process.output).toMatch(/"path":"\/bff\/login".*OIDC_CLIENT_SECRET/);
  // Also logged at startup.
  const startupErrors = () =>
    gateway.process
      .output()
      .split("\n")
      .filter((line) => line.includes('"level":50') && !line.includes('"path"'));
  await expect.poll(startupErrors).toContainEqual(expect.stringContaining("OIDC_CLIENT_SECRET"));
  expect(gateway.process.output()).not.toContain("this-is-not-the-client-secret");
});

test("an unregistered redirect URI is reported in /readyz and in the log, and a login shows an error page", async ({
  page,
  system,
  admin,
}) => {
  const port = await freePort();
  const client = await createClient(admin, "http://localhost:9");
  const gateway = await launchGateway(
    system,
    { origin: `http://localhost:${port}`, port, client },
    { waitFor: "alive" },
  );
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/redirect URI\. Register PUBLIC_ORIGIN/);
  const response = await page.goto(`${gateway.origin}/bff/login`);
  expect(response?.status()).toBeGreaterThanOrEqual(400);
  expect(new URL(page.url()).origin).toBe(gateway.origin);
  await expect.poll(gateway.process.output).toMatch(/"path":"\/bff\/login".*PUBLIC_ORIGIN/);
  await gateway.process.stop();
});

test("an unknown scope is reported in /readyz as OIDC_SCOPE", async ({ newGateway }) => {
  const gateway = await newGateway({ env: { OIDC_SCOPE: "openid no-such-scope" }, waitFor: "alive" });
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/OIDC_SCOPE/);
});

test("a clock that is two minutes behind is reported in the log and in /readyz, and a login fails", async ({
  page,
  newGateway,
  newUser,
}) => {
  // A preloaded module sets the clock of the gateway process back.
  const shiftedDate = `const Real = Date; globalThis.Date = class extends Real {
    constructor(...args) { args.length === 0 ? super(Real.now() - 120000) : super(...args); }
    static now() { return Real.now() - 120000; }
  };`;
  const preload = `data:text/javascript,${encodeURIComponent(shiftedDate)}`;
  const gateway = await newGateway({ env: { NODE_OPTIONS: `--import=${preload}` } });
  await page.goto(`${gateway.origin}/bff/login`);
  await fillLoginForm(page, await newUser());
  await page.waitForURL(`${gateway.origin}/bff/callback**`);
  await expect(page.getByRole("link", { name: /again/i })).toBeVisible();
  const report = /the clock of the provider \(OIDC_ISSUER\) is 1[12]\d s ahead of ours.*Set both by NTP/;
  await expect.poll(gateway.process.output).toMatch(report);
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(report);
});

test("a gateway started before Keycloak is reachable serves logins once it is", async ({
  page,
  system,
  admin,
  newUser,
}) => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const client = await createClient(admin, origin);
  const internal = await freePort();
  const gateway = await launchGateway(
    system,
    { origin, port, client },
    { env: { OIDC_INTERNAL_URL: `http://127.0.0.1:${internal}` }, waitFor: "alive" },
  );
  expect((await page.goto(`${origin}/bff/login`))?.status()).toBe(503);
  await expect.poll(() => readyzOf(gateway.managementOrigin)).toMatch(/OIDC_ISSUER cannot be reached/);
  const { createServer, connect } = await import("node:net");
  const keycloakPort = Number(new URL(system.keycloak.origin).port);
  const keycloakProxy = createServer((socket) => {
    const upstream = connect(keycloakPort, "127.0.0.1");
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on("error", () => end.destroy());
  });
  await new Promise<void>((resolve) => keycloakProxy.listen(internal, "127.0.0.1", resolve));
  const user = await newUser();
  await expect.poll(async () => (await page.goto(`${origin}/bff/login`))?.status(), { timeout: 45_000 }).toBe(200);
  await fillLoginForm(page, user);
  await page.waitForURL(`${origin}/**`);
  await gateway.process.stop();
  keycloakProxy.close();
});
