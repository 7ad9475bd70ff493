// Every mutant and broken build must match the current source exactly once; otherwise it would change nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BROKEN_BUILDS } from "../../chaos/broken.ts";
import { ALL_MUTANTS } from "../all-mutants.ts";

const bff = join(import.meta.dirname, "../../../bff");
const source = (file: string) => (existsSync(join(bff, file)) ? readFileSync(join(bff, file), "utf8") : "");

describe("mutants and broken builds", () => {
  it.each([
    ...ALL_MUTANTS.map(({ breaks, file, find }) => ({ breaks, file, find })),
    ...BROKEN_BUILDS.map(({ breaks, file, find }) => ({ breaks: `${breaks} (chaos)`, file, find })),
  ])("the text of '$breaks' is in the source exactly once", ({ file, find }) => {
    expect(source(file).split(find).length - 1, file).toBe(1);
  });

  it("the test files of all mutants exist", () => {
    const named = new Set(ALL_MUTANTS.flatMap(({ tests }) => tests));
    expect([...named].filter((test) => !existsSync(join(bff, test)))).toEqual([]);
  });

  it("all-mutants.ts contains every file with mutants", () => {
    const lists = readdirSync(join(import.meta.dirname, "..")).filter((file) => file.endsWith("mutants.ts"));
    const listing = readFileSync(join(import.meta.dirname, "../all-mutants.ts"), "utf8");
    expect(lists.filter((file) => file !== "all-mutants.ts" && !listing.includes(`"./${file}"`))).toEqual([]);
  });
});
