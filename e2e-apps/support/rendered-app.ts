// A server-rendered app behind the gateway: provider on another site than the gateway, resource API, one row for `/`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startSystem, type System } from "@cloakroom/demo/system.ts";
import { startApp, type AppServer, type ServedApp } from "./app-server.ts";

export type RenderedApp = { origin: string; server: AppServer; system: System; stop: () => Promise<void> };

export async function startRenderedApp(app: ServedApp, mode: "production" | "development"): Promise<RenderedApp> {
  const folder = await mkdtemp(join(tmpdir(), "cloakroom-app-"));
  const ports = { api: await freePort(), provider: await freePort() };
  const apiUrl = `http://127.0.0.1:${ports.api}`;
  const server = await startApp(app, mode, apiUrl);
  const rows = [
    { prefix: "/", baseUrl: server.origin, access: "optional", csrf: "same-origin", webSocket: true },
    { prefix: "/api", baseUrl: apiUrl },
  ];
  const file = join(folder, "upstreams.json");
  await writeFile(file, JSON.stringify(rows));
  const system = await startSystem({
    ports,
    // Another site than localhost: the browser withholds the session cookie after the login.
    provider: { passwordCost: 2, issuer: `http://127.0.0.1:${ports.provider}` },
    gatewayEnv: { UPSTREAMS: "", UPSTREAMS_FILE: file, POST_LOGOUT_PATH: "/", LOG_LEVEL: "debug" },
  });
  return {
    ...{ origin: system.origin, server, system },
    async stop() {
      await system.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
