// The words of the real process: with cloakroom.yaml, neither its output nor /readyz names an environment variable of a
// setting; without it, they do.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { SETTINGS } from "../../src/config/settings.ts";
import { startConfiguredProcess, startGatewayProcess } from "@cloakroom/testkit/gateway-process.ts";

const VARIABLE = new RegExp(`(?<![\\w-])(?:${Object.keys(SETTINGS).join("|")})(?:_FILE)?(?![\\w-])`, "g");
/** Provider, store, CDN and Keycloak cannot be reached. */
const FILE = `provider:
  issuer: http://127.0.0.1:1/realms/shop
  clientId: shop
  clientSecret: a-client-secret-for-tests
  keycloakAdmin: { clientId: admin, clientSecret: an-admin-secret-for-tests }
origin: http://localhost:3000
id: test
redis: { url: "redis://127.0.0.1:1" }
session: { idleSeconds: 60 }
pages: { url: "http://127.0.0.1:1/index.html" }
`;

const readyz = async (port: number): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  return (await response?.text()) ?? "";
};

it.each([
  ["one process", "1"],
  ["workers", "2"],
])(
  "the log and /readyz of %s with a configuration file name its paths",
  { timeout: 90_000 },
  async (_what, workers) => {
    const folder = mkdtempSync(join(tmpdir(), "cloakroom-words-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "cloakroom.yaml"), `${FILE}workers: ${workers}\n`);
    const gateway = await startConfiguredProcess(join(folder, "cloakroom.yaml"));
    onTestFinished(gateway.kill);
    const place = async () => `${gateway.output()}${await readyz(gateway.managementPort)}`;
    for (const path of ["redis.url", "provider.issuer", "pages.url"])
      await expect.poll(place, { timeout: 60_000 }).toContain(path);
    await expect.poll(gateway.output, { timeout: 60_000 }).toContain("sessions at Keycloak cannot be ended");
    expect((await place()).match(VARIABLE)).toBeNull();
  },
);

it("the log and /readyz of a gateway without a file name variables", { timeout: 90_000 }, async () => {
  const gateway = await startGatewayProcess({ REDIS_URL: "redis://127.0.0.1:1" });
  onTestFinished(gateway.kill);
  const place = async () => `${gateway.output()}${await readyz(gateway.managementPort)}`;
  for (const name of ["REDIS_URL", "OIDC_ISSUER"]) await expect.poll(place, { timeout: 60_000 }).toContain(name);
});
