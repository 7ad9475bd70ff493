// The install commands of the documents: until the packages are published, npm finds those of this repository only if a command
// names the tarballs of all that a package requires.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { expect, test } from "vitest";

type Manifest = { name: string; dependencies?: Record<string, string>; peerDependencies?: Record<string, string> };

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const manifests = globSync(["bff/package.json", "packages/*/package.json"], { cwd: ROOT })
  .map((file) => ({ folder: join(file, ".."), manifest: JSON.parse(read(file)) as Manifest }))
  // Has a command of its own, `npm create`.
  .filter(({ manifest }) => manifest.name !== "create-cloakroom");

/** @returns the package and those of this repository that it requires */
function withRequired(name: string): string[] {
  const { dependencies = {}, peerDependencies = {} } =
    manifests.find(({ manifest }) => manifest.name === name)?.manifest ?? {};
  const required = Object.keys({ ...dependencies, ...peerDependencies }).filter((each) =>
    each.startsWith("@cloakroom/"),
  );
  return [name, ...required.flatMap(withRequired)];
}

/** @returns the packages that each command of a document installs */
const installed = (file: string): string[][] =>
  [...read(file).matchAll(/^npm install (?:.*\\\n)*.*dist-packages.*$/gm)].map(([command]) =>
    [...command.matchAll(/dist-packages\/cloakroom-(\w+)-/g)].map(([, name]) => `@cloakroom/${name}`),
  );

test.each(manifests.map(({ folder, manifest: { name } }) => ({ name, file: join(folder, "README.md") })))(
  "$file installs $name with all packages that it requires",
  ({ name, file }) => {
    expect(installed(file).map((names) => names.toSorted())).toEqual([[...new Set(withRequired(name))].toSorted()]);
  },
);

test.each([
  ["docs/guides/react.md", "@cloakroom/react"],
  ["docs/guides/mount-in-your-server.md", "@cloakroom/gateway"],
])("%s installs %s with all packages that it requires", (file, name) => {
  expect(installed(file).map((names) => names.toSorted())).toEqual([[...new Set(withRequired(name))].toSorted()]);
});
