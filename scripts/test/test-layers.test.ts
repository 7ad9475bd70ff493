// The layers of the tests: unit tests start neither Redis nor child processes, and every test file is in one layer.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";

const PACKAGES: Readonly<Record<string, string>> = {
  gateway: "bff",
  demo: "demo",
  testing: "packages/testing/src",
  testkit: "testkit/src",
};

/** Modules that start a server or a gateway. */
const STARTERS = [
  "packages/testing/src/redis-server.ts",
  "packages/testing/src/gateway-process.ts",
  "testkit/src/test-gateway.ts",
];

const unitTests = globSync("bff/test/**/*.test.ts", { cwd: ROOT }).filter(
  (file) => !/\.(integration|extended)\.test\.ts$/.test(file),
);

/** @returns the files that a file imports by value, from the root */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const specifiers = [...text.matchAll(/^(?:import|export) (?!type )[^;]*?"((?:\.|@cloakroom\/)[^"]+)";/gm)];
  return specifiers
    .map(([, specifier = ""]) => {
      const [, name = "", path = ""] = /^@cloakroom\/([a-z]+)\/(.+)$/.exec(specifier) ?? [];
      return name === "" ? resolve(ROOT, dirname(file), specifier) : join(ROOT, PACKAGES[name] ?? "", path);
    })
    .filter((path) => existsSync(path))
    .map((path) => relative(ROOT, path));
}

function transitiveImports(file: string, found = new Set<string>()): Set<string> {
  for (const path of importsOf(file))
    if (!found.has(path)) {
      found.add(path);
      transitiveImports(path, found);
    }
  return found;
}

it.each(unitTests)("the unit test %s starts no server and no child process", (file) => {
  const imported = transitiveImports(file);
  expect(STARTERS.filter((starter) => imported.has(starter))).toEqual([]);
  expect(readFileSync(join(ROOT, file), "utf8")).not.toContain('"node:child_process"');
});

it("every test file is in exactly one vitest project", () => {
  const { stdout } = spawnSync(bin("vitest"), ["list", "--filesOnly", "--json"], { cwd: ROOT, encoding: "utf8" });
  const listed = (JSON.parse(stdout) as { file: string }[]).map(({ file }) => relative(ROOT, file)).sort();
  const files = globSync("**/*.test.{ts,tsx}", { cwd: ROOT, exclude: (path) => path === "node_modules" }).sort();
  expect(listed).toEqual(files);
});
