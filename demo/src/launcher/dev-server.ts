// Development: Vite with hot reload in front, the gateway behind it and restarted when its sources change.
import { watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { GATEWAY_PATH_PATTERN } from "@cloakroom/gateway/src/lib/paths.ts";
import type { GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { SPA_FOLDER, viteFolder } from "./spa-build.ts";

/** Only what is used of it: Vite belongs to the SPA, which is not ours to import. */
type Vite = {
  createServer(config: object): Promise<{ listen(): Promise<unknown>; close(): Promise<void> }>;
};

export type DevServer = { stop: () => Promise<void> };

/** Host and Origin stay as the browser sent them: to the gateway it must look as if nothing stood in between. */
export async function startViteServer(port: number, gatewayPort: number): Promise<DevServer> {
  const vite = (await import(pathToFileURL(join(viteFolder(), "dist/node/index.js")).href)) as Vite;
  const listenersBefore = process.listeners("SIGTERM");
  const server = await vite.createServer({
    root: SPA_FOLDER,
    configFile: join(SPA_FOLDER, "vite.config.ts"),
    logLevel: "warn",
    server: {
      host: "127.0.0.1",
      port,
      strictPort: true,
      proxy: {
        [GATEWAY_PATH_PATTERN]: { target: `http://127.0.0.1:${gatewayPort}`, changeOrigin: false, ws: true },
      },
    },
  });
  await server.listen();
  // Vite ends the process on SIGTERM by itself, before our other parts have been stopped.
  for (const listener of process.listeners("SIGTERM"))
    if (!listenersBefore.includes(listener)) process.off("SIGTERM", listener);
  return { stop: () => server.close() };
}

const GATEWAY_SOURCES = fileURLToPath(new URL("../../../bff/src", import.meta.url));
const settleMs = 150;

/** Not `node --watch`: its supervisor would outlive a launcher that is killed. */
export function restartOnChange(gateway: GatewayProcess, say: (line: string) => void): DevServer {
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const restart = () => {
    running = running.then(async () => {
      say("The gateway's sources changed: restarting it …");
      await gateway.restart().then(
        () => say("The gateway runs again."),
        // What it said has been shown as it said it.
        () => say("The gateway did not start. It waits for the next change."),
      );
    });
  };
  const watcher = watch(GATEWAY_SOURCES, { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(restart, settleMs);
  });
  return {
    stop: async () => {
      clearTimeout(timer);
      watcher.close();
      await running;
    },
  };
}
