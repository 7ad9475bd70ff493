// Node version: npm scripts run on the Node of node_modules; an older one is reported in one sentence.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

test("npm scripts run on the Node version installed in node_modules", () => {
  const { stdout } = spawnSync("npm", ["exec", "--no", "--", "node", "--version"], { cwd: root, encoding: "utf8" });
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)\./m.exec(stdout) ?? [];
  expect(Number(major) * 1_000 + Number(minor)).toBeGreaterThanOrEqual(22_022);
});

test.each([
  ["20.20.2", 1],
  ["22.21.1", 1],
  ["22.22.0", 0],
  ["24.0.0", 0],
])("require-node.mjs on Node %s exits with %i", (version, status) => {
  const overrideVersion = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(overrideVersion)}`, "scripts/require-node.mjs"];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect(result.status).toBe(status);
  expect(result.stderr).toMatch(status === 0 ? /^$/ : /needs Node 22\.22 or later and found .*`npm ci`/);
});
