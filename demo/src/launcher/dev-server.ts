// Development mode: Vite's dev server proxies to the gateway, which is restarted when its sources change.
import { watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { GATEWAY_PATH_PATTERN } from "@cloakroom/gateway/src/lib/paths.ts";
import type { GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { SPA_FOLDER, viteFolder } from "./spa-build.ts";

/** The part of Vite's API that is used here: Vite is a dependency of the SPA only. */
type Vite = {
  createServer(config: object): Promise<{ listen(): Promise<unknown>; close(): Promise<void> }>;
};

export type DevServer = { stop: () => Promise<void> };

/** Forwards Host and Origin unchanged: the gateway checks them against its public origin. */
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
  // Vite exits the process on SIGTERM, before the other components have stopped.
  for (const listener of process.listeners("SIGTERM"))
    if (!listenersBefore.includes(listener)) process.off("SIGTERM", listener);
  return { stop: () => server.close() };
}

const GATEWAY_SOURCES = fileURLToPath(new URL("../../../bff/src", import.meta.url));
const debounceMs = 150;

/** Replaces `node --watch`, whose supervisor process would outlive a killed launcher. */
export function restartOnChange(gateway: GatewayProcess, print: (line: string) => void): DevServer {
  let timer: NodeJS.Timeout | undefined;
  let pending = Promise.resolve();
  const restart = () => {
    pending = pending.then(async () => {
      print("The gateway's sources have changed, restarting it …");
      await gateway.restart().then(
        () => print("The gateway has restarted."),
        // Its output has been printed already.
        () => print("The gateway did not start. It will be restarted at the next change."),
      );
    });
  };
  const watcher = watch(GATEWAY_SOURCES, { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(restart, debounceMs);
  });
  return {
    stop: async () => {
      clearTimeout(timer);
      watcher.close();
      await pending;
    },
  };
}
