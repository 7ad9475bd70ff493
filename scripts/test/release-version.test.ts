// A release raises the version of every package: those that are published depend on each other with their exact version.
import { readFileSync } from "node:fs";
import { join, matchesGlob } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { publishedPackages } from "../release/packages.ts";
import { sharedVersion } from "../release/shared-version.ts";

const packages = publishedPackages(ROOT).map(({ manifest }) => manifest);

it.each(packages.map(({ name }) => name))("changesets raise the version of %s together with the others", (name) => {
  const { fixed } = JSON.parse(readFileSync(join(ROOT, ".changeset/config.json"), "utf8")) as { fixed: string[][] };
  expect(fixed).toHaveLength(1);
  expect(fixed[0]?.some((pattern) => matchesGlob(name, pattern))).toBe(true);
});

it("the shared version is that of every published package", () => {
  const version = sharedVersion();
  for (const manifest of packages) expect([manifest.name, manifest.version]).toEqual([manifest.name, version]);
});
