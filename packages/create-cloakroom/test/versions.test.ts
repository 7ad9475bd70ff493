// A project uses the versions that this repository is tested with.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { VERSIONS } from "../src/manifest.ts";

const ROOT = join(import.meta.dirname, "../../..");
type Dependencies = Record<string, string>;
type Manifest = { dependencies?: Dependencies; devDependencies?: Dependencies };

function dependenciesOf(folder: string): Dependencies {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(ROOT, folder, "package.json"), "utf8"),
  ) as Manifest;
  return { ...dependencies, ...devDependencies };
}

const used: Dependencies = Object.assign({}, ...["", "spa", "e2e", "packages/vite"].map(dependenciesOf));

test.each(Object.entries(VERSIONS))("%s has the version of this repository", (name, version) => {
  expect(version).toBe(used[name]);
});
