// Every npm script checks the Node version first and exits with one sentence if it is too old.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";

const GUARD = join(ROOT, "scripts", "require-node.mjs");

type Manifest = { workspaces?: string[]; scripts?: Record<string, string> };

const readManifest = (folder: string) =>
  JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as Manifest;
const folders = [".", ...globSync(readManifest(".").workspaces ?? [], { cwd: ROOT })];
const scripts = folders.flatMap((folder) =>
  Object.entries(readManifest(folder).scripts ?? {}).map(([name, command]) => ({ folder, name, command })),
);

it.each(scripts)("the npm script $name of $folder starts with the Node version check", ({ folder, command }) => {
  const [, guard = ""] = /^node (\S*require-node\.mjs) && \S/.exec(command) ?? [];
  expect(resolve(ROOT, folder, guard)).toBe(GUARD);
});

it.each([
  ["18.19.0", 1],
  ["20.20.2", 1],
  ["22.21.1", 1],
  ["22.22.0", 0],
  ["24.0.0", 0],
])("the Node version check exits on Node %s with %i", (version, status) => {
  const fakeVersion = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(fakeVersion)}`, GUARD];
  const result = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  expect(result.status).toBe(status);
  expect(result.stderr).toMatch(
    status === 0 ? /^$/ : /^Cloakroom needs Node 22\.22 or later and found .*`npm ci`.*\n$/,
  );
});

it("npm scripts run on the Node that npm ci installs", () => {
  const { stdout } = spawnSync("npm", ["exec", "--no", "--", "node", "--version"], { cwd: ROOT, encoding: "utf8" });
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)\./m.exec(stdout) ?? [];
  expect(Number(major) * 1_000 + Number(minor)).toBeGreaterThanOrEqual(22_022);
});
