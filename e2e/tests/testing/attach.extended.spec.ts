// The fixtures of @cloakroom/testing with a gateway and a provider that run already, as separate processes.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { startGateway } from "@cloakroom/testing/gateway-process.ts";
import { test as base, expect } from "@cloakroom/testing/playwright";
import { startLeakingApi } from "@cloakroom/testkit/leaking-api.ts";
import { call } from "../../support/page-requests.ts";

const PAGES = fileURLToPath(new URL("../../support/plain-pages", import.meta.url));
const COMMAND = fileURLToPath(new URL("../../../packages/testing/bin/cloakroom-provider.mjs", import.meta.url));

const test = base.extend({
  cloakroom: [
    async ({ browserName: _browser }, use) => {
      const [port, managementPort, clientSecret] = [
        await freePort(),
        await freePort(),
        randomBytes(32).toString("hex"),
      ];
      const origin = `http://localhost:${port}`;
      const provider = await startProviderCommand(["--origin", origin, "--client-secret", clientSecret]);
      const api = await startLeakingApi();
      const gateway = await startGateway({
        env: gatewayEnv({
          ...{ publicOrigin: origin, port, managementPort, issuer: provider.issuer, clientSecret },
          ...{ apiUrl: api.url, redisUrl: undefined, spaRoot: PAGES },
        }),
        managementOrigin: `http://127.0.0.1:${managementPort}`,
      });
      await use({ attach: { origin, control: provider.control } });
      await gateway.stop();
      await api.stop();
      await provider.stop();
    },
    { scope: "worker" },
  ],
});

async function startProviderCommand(args: readonly string[]) {
  const options = ["--disable-warning=ExperimentalWarning", COMMAND, "--port", "0", "--control-port", "0", ...args];
  const child = spawn(process.execPath, options, { stdio: ["ignore", "pipe", "inherit"], env: {} });
  let output = "";
  for await (const line of createInterface({ input: child.stdout })) {
    output += `${line}\n`;
    if (line.startsWith("control")) break;
  }
  return {
    issuer: /^OIDC_ISSUER=(.*)$/m.exec(output)?.[1] ?? "",
    control: /^control +(\S+)/m.exec(output)?.[1] ?? "",
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

test("a user logs in, and is logged out by a revocation at the provider", async ({ page, login, user, revoke }) => {
  await login(page, user);
  await page.goto("/");
  expect(await call(page, "/bff/user")).toMatchObject({ body: { user: { sub: user.sub } } });
  await revoke(user);
  expect(await call(page, "/bff/user")).toMatchObject({ body: { user: null } });
});

test("a session and its access token expire", async ({
  page,
  login,
  user,
  provider,
  expireAccessToken,
  expireSession,
}) => {
  await login(page, user, { accessTokenSeconds: 1, sessionSeconds: 5 });
  await page.goto("/");
  await expireAccessToken(page);
  expect(await call(page, "/api/clean")).toMatchObject({ status: 200 });
  expect(await provider.count("token:refresh_token")).toBeGreaterThan(0);
  await expireSession(page);
  expect(await call(page, "/api/clean")).toMatchObject({ status: 401, body: { code: "session_expired" } });
});

test("the provider goes down and comes back by its control", async ({ page, login, user, provider }) => {
  await provider.takeDown();
  await expect(login(page, user)).rejects.toThrow(/responded 503|ECONNREFUSED/);
  await provider.restore();
  await expect(() => login(page, user)).toPass({ timeout: 20_000 });
});

test("the leak search works by the browser's events alone", async ({ page, login, user, leaks, expectNoLeak }) => {
  await login(page, user);
  await page.goto("/");
  await call(page, "/api/clean");
  await expectNoLeak();
  for (const way of ["body", "base64-1", "stream", "header", "redirect"]) {
    await call(page, `/api/${way}`);
    const locations = async () => (await leaks.search()).leaks.map(({ location }) => location).join("\n");
    await expect.poll(locations, way).toContain(`GET /api/${way} `);
  }
  await expect(expectNoLeak()).rejects.toThrow(/The browser has seen secrets/);
});
