// Checks that every path in docs/guides/tutorial-map.md exists.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const rows = readFileSync(join(root, "docs", "guides", "tutorial-map.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| tutorial") && !line.startsWith("| **"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, section = "", place = "", proof = ""]) => ({ section, place, proof }));

/** Code spans with a slash or a file extension are paths from the root. */
const pathsIn = (text: string) =>
  [...text.matchAll(/`([\w.@/-]+)`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => /\/|\.(ts|json|yml|md)$/.test(path));

it("tutorial-map.md has at least 19 sections", () => expect(rows.length).toBeGreaterThanOrEqual(19));

it.each(rows)('tutorial section "$section" names an existing test', ({ proof }) => {
  const paths = pathsIn(proof);
  expect(paths.filter((path) => /\.(test|spec)\.ts$|\/$/.test(path))).not.toEqual([]);
  for (const path of paths) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
});

it.each(rows)('tutorial section "$section" names existing files', ({ place }) => {
  for (const path of pathsIn(place)) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
});
