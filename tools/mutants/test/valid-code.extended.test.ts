// A mutant whose code does not parse, or uses names that do not exist, breaks every test: it would be detected whatever
// the tests check. All mutants are written beside the files that they change and compiled together.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bin } from "@cloakroom/testkit/bin.ts";
import { BROKEN_BUILDS } from "../../chaos/broken.ts";
import { createBreakableCopy, type BreakableCopy, type SourceChange } from "../../breakable-copy.ts";
import { ALL_MUTANTS } from "../all-mutants.ts";

/** Folders with a tsconfig.json of their own; the last one is the repository's. */
const PROGRAMS = ["packages/client", "packages/react", "."];
/** Syntax errors, names and members that do not exist. Unused names and unlikely comparisons are what mutants are for. */
const INVALID = /error TS(1\d{3}|2304|2339|2551|2552|18004): (?!.*on type 'never')/;

/** Prove that the compiler sees each program. */
const CONTROLS: readonly SourceChange[] = [
  "../packages/client/src/index.ts",
  "../packages/react/src/index.ts",
  "src/app.ts",
].map((file) => ({ breaks: `control of ${file}`, file, find: "//", replace: "unknownName;\n//" }));

let copy: BreakableCopy;
beforeAll(() => {
  copy = createBreakableCopy();
});
afterAll(() => copy.remove());

function writeMutant({ file, find, replace }: SourceChange, index: number): string {
  const path = join(copy.folder, "bff", file);
  const written = path.replace(/(\.tsx?)$/, `.mutant-${index}$1`);
  writeFileSync(
    written,
    readFileSync(path, "utf8").replace(find, () => replace),
  );
  return written;
}

function compile(program: string, files: readonly string[]): string[] {
  const folder = join(copy.folder, program);
  const config = join(folder, "tsconfig.mutants.json");
  writeFileSync(config, JSON.stringify({ extends: "./tsconfig.json", files, include: [] }));
  const { stdout } = spawnSync(bin("tsc"), ["--noEmit", "--pretty", "false", "-p", config], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => INVALID.test(line));
}

describe("the code of mutants and broken builds", () => {
  it("each replacement parses and uses only names that exist", { timeout: 300_000 }, () => {
    const changes = [...CONTROLS, ...ALL_MUTANTS, ...BROKEN_BUILDS].filter(({ file }) => /\.tsx?$/.test(file));
    const paths = changes.map(writeMutant);
    const programOf = (path: string) =>
      PROGRAMS.find((program) => path.startsWith(join(copy.folder, program) + "/")) ?? ".";
    const errors = PROGRAMS.flatMap((program) =>
      compile(
        program,
        paths.filter((path) => programOf(path) === program),
      ),
    );
    const invalid = errors.map((line) => ({ breaks: changes[Number(/\.mutant-(\d+)/.exec(line)?.[1])]?.breaks, line }));
    expect(invalid).toEqual(CONTROLS.map(({ breaks }) => ({ breaks, line: expect.stringContaining("unknownName") })));
  });
});
