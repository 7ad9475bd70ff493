// Builds the SPA if a source is newer than the build.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const SPA_FOLDER = fileURLToPath(new URL("../../../spa", import.meta.url));
export const SPA_DIST = join(SPA_FOLDER, "dist");
const ROOT = dirname(SPA_FOLDER);

const SOURCES = ["src", "public", "index.html", "vite.config.ts", "package.json", "tsconfig.json"];

/** @throws Error with Vite's output */
export async function buildSpa(print: (line: string) => void): Promise<void> {
  if (isUpToDate()) return;
  print("Building the app …");
  const child = spawn(process.execPath, [viteBinary(), "build"], {
    cwd: SPA_FOLDER,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`The app's build failed.\n${output.trim()}`);
}

function isUpToDate(): boolean {
  const built = lastModifiedMs(join(SPA_DIST, "index.html"));
  const sources = [...SOURCES.map((name) => join(SPA_FOLDER, name)), join(ROOT, "package-lock.json")];
  return built > 0 && Math.max(...sources.map(lastModifiedMs)) < built;
}

/** @returns the latest modification time at or below this path in milliseconds; 0 if it does not exist */
function lastModifiedMs(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  // The folder's own modification time changes when a file is deleted.
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => lastModifiedMs(join(path, name))));
}

export function viteFolder(): string {
  return dirname(createRequire(join(SPA_FOLDER, "package.json")).resolve("vite/package.json"));
}

const viteBinary = (): string => join(viteFolder(), "bin", "vite.js");
