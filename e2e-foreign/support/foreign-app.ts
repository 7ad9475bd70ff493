// An app outside the workspace, installed by scripts/foreign.ts: its processes, and the embedded provider.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { clientRegistration } from "@cloakroom/testing/gateway-env.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { IssuedTokens } from "@cloakroom/testing/provider/types.ts";
import { startProgram, waitUntil } from "../../e2e/engines/support/program.ts";

export type ForeignApp = {
  readonly origin: string;
  /** For the leak search. */
  readonly issued: { issuer: string; issuedTokens: () => Promise<IssuedTokens> };
  /** stdout and stderr of the app's processes. */
  output: () => string;
  stop: () => Promise<void>;
};

const ACCESS_TOKEN_SECONDS = 600;

/** @param scripts of the app's package.json that run at the same time; of two, the first one is behind the gateway */
export async function startForeignApp(name: string, scripts: readonly string[]): Promise<ForeignApp> {
  const folder = join(process.env["FOREIGN_APPS"] ?? "", name);
  const [port, managementPort, apiPort] = [await freePort(), await freePort(), await freePort()];
  const origin = `http://localhost:${port}`;
  const clientSecret = randomBytes(32).toString("base64url");
  const client = clientRegistration(origin, clientSecret);
  const provider = await startProvider({
    ...{ port: 0, passwordCost: 2, clients: [client], resource: `http://127.0.0.1:${apiPort}` },
    lifetimes: { accessTokenSeconds: ACCESS_TOKEN_SECONDS },
  });
  const env = {
    ...{ PUBLIC_ORIGIN: origin, PORT: String(port), MANAGEMENT_PORT: String(managementPort), HOST: "127.0.0.1" },
    ...{ OIDC_ISSUER: provider.issuer, OIDC_CLIENT_ID: client.clientId, OIDC_CLIENT_SECRET: clientSecret },
    ...{ SECRET_KEYS: randomBytes(32).toString("base64url"), API_URL: `http://127.0.0.1:${apiPort}` },
    ...{ API_PORT: String(apiPort), NEXT_TELEMETRY_DISABLED: "1" },
  };
  const programs = scripts.map((script) => startProgram("npm", ["run", "-s", script], env, folder));
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop()));
    await provider.stop();
  };
  try {
    const origins = scripts.length > 1 ? [env.API_URL, origin] : [origin];
    for (const [index, program] of programs.entries())
      await waitUntil(() => responds(origins[index] ?? origin), program);
  } catch (error) {
    await stop();
    throw error;
  }
  const issued = { issuer: provider.issuer, issuedTokens: async () => provider.issuedTokens() };
  return { origin, issued, output: () => programs.map((program) => program.output()).join("\n"), stop };
}

async function responds(url: string): Promise<boolean> {
  return fetch(url, { headers: { accept: "text/html" } }).then(
    ({ status }) => status < 500,
    () => wait(100, false),
  );
}
