// The table of the tutorial's sections leads somewhere, in every row.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const rows = readFileSync(join(root, "docs", "guides", "tutorial-map.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| tutorial") && !line.startsWith("| **"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, section = "", place = "", proof = ""]) => ({ section, place, proof }));

/** What stands in backticks and has a folder or an ending is a path from the root. */
const pathsIn = (text: string) =>
  [...text.matchAll(/`([\w.@/-]+)`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => /\/|\.(ts|json|yml|md)$/.test(path));

it("has every section", () => expect(rows.length).toBeGreaterThanOrEqual(19));

it.each(rows)("$section is proved by a test that exists", ({ proof }) => {
  const paths = pathsIn(proof);
  expect(paths.filter((path) => /\.(test|spec)\.ts$|\/$/.test(path))).not.toEqual([]);
  for (const path of paths) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
});

it.each(rows)("$section is where the table says", ({ place }) => {
  for (const path of pathsIn(place)) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
});
