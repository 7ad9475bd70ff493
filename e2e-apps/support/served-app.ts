// One of the stock Vite apps behind the gateway, first with default policies and then with those that the log names.
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSystem, type System } from "@cloakroom/demo/system.ts";

const BUILDS = join(import.meta.dirname, "../apps/vite/dist");

export type ServedApp = Pick<System, "origin" | "provider" | "stop"> & {
  /** The settings in the newest log lines about violations, parsed as a shell would. */
  suggestedSettings: () => Record<string, string>;
  /** `directive blocked` of each violation in the log, in alphabetical order. */
  violations: () => string[];
  /** Restarts the gateway with further settings and an empty record of violations. */
  restart: (env: Record<string, string>) => Promise<void>;
};

/** @param replacements texts in the built files, such as the address of a stand-in that is known only now */
export async function serveApp(name: string, replacements: Record<string, string> = {}): Promise<ServedApp> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-app-"));
  cpSync(join(BUILDS, name), folder, { recursive: true });
  for (const file of globSync("**/*.{html,js}", { cwd: folder }))
    for (const [text, replacement] of Object.entries(replacements)) {
      const path = join(folder, file);
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(text, replacement));
    }
  const system = await startSystem({ spaRoot: folder, redis: "none", provider: { passwordCost: 2 } });
  let seenChars = 0;
  const lines = () =>
    system.gateway
      .output()
      .slice(seenChars)
      .split("\n")
      .filter((line) => line.includes("content security policy violation"))
      .map((line) => JSON.parse(line) as { directive: string; blocked: string; setting?: string });
  return {
    origin: system.origin,
    provider: system.provider,
    violations: () =>
      lines()
        .map(({ directive, blocked }) => `${directive} ${blocked}`)
        .sort(),
    suggestedSettings: () =>
      Object.fromEntries(lines().flatMap(({ setting = "" }) => Array.from(setting.matchAll(ASSIGNMENT), toEntry))),
    async restart(env) {
      seenChars = system.gateway.output().length;
      await system.gateway.restart(env);
    },
    async stop() {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const ASSIGNMENT = /([A-Z_]+)=(?:"([^"]*)"|(\S+))/g;

function toEntry([, name = "", quoted, plain = ""]: RegExpExecArray): [string, string] {
  return [name, quoted ?? plain];
}
