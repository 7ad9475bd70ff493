// The server of an app, in production or in development mode, as a child process.
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startProgram, waitUntil } from "../../e2e/engines/support/program.ts";

export const APPS = fileURLToPath(new URL("../apps", import.meta.url));

export type AppServer = {
  readonly origin: string;
  /** Replaces a text in a source file, in development mode. */
  edit: (file: string, from: string, to: string) => Promise<void>;
  output: () => string;
  stop: () => Promise<void>;
};

export type ServedApp = {
  name: string;
  /** Arguments of the local program in node_modules/.bin. */
  production: (port: number) => readonly [program: string, ...args: string[]];
  development: (port: number) => readonly [program: string, ...args: string[]];
  /** Files and folders of the source, copied for development mode. */
  source: readonly string[];
};

export async function startApp(app: ServedApp, mode: "production" | "development", apiUrl: string): Promise<AppServer> {
  const port = await freePort();
  const home = join(APPS, app.name);
  const folder = mode === "production" ? home : await copySource(app, home);
  const [name, ...args] = app[mode](port);
  const env = {
    ...{ PORT: String(port), HOST: "127.0.0.1", API_URL: apiUrl, NODE_ENV: mode, CI: "" },
    ...{ NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1" },
  };
  const server = startProgram(process.execPath, [join(home, "node_modules", name), ...args], env, folder);
  const origin = `http://127.0.0.1:${port}`;
  const isUp = async () =>
    fetch(origin).then(
      () => true,
      () => wait(200, false),
    );
  await waitUntil(isUp, server);
  return {
    origin,
    output: server.output,
    async edit(file, from, to) {
      const text = await readFile(join(folder, file), "utf8");
      if (!text.includes(from)) throw new Error(`${file} does not contain ${from}.`);
      await writeFile(join(folder, file), text.replace(from, to));
    },
    async stop() {
      await server.stop();
      if (mode === "development") await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Below the app's folder, so that its packages are found. */
async function copySource({ source }: ServedApp, home: string): Promise<string> {
  const folder = join(home, ".work");
  await rm(folder, { recursive: true, force: true });
  for (const each of [...source, "package.json"]) await cp(join(home, each), join(folder, each), { recursive: true });
  return folder;
}
