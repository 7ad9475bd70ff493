// Every run must use the source as it is on the disk, and must tell a failed test from a file that could not be loaded.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBreakableCopy, type BreakableCopy } from "../../breakable-copy.ts";
import { isDetection, kindOfTestError, kindOfUnhandledError } from "../failure.ts";
import { createTestRuns, type TestRuns } from "../test-runs.ts";

const FILE = "src/lib/linked-list.ts";
const TESTS = ["test/lib/linked-list.test.ts"];

let copy: BreakableCopy;
let runs: TestRuns;
beforeAll(() => {
  copy = createBreakableCopy();
  runs = createTestRuns(copy);
});
afterAll(() => {
  runs.close();
  copy.remove();
});

async function runWith(find: string, replace: string) {
  const undo = copy.applyChange({ breaks: "the list", file: FILE, find, replace });
  runs.markChanged(FILE);
  const result = await runs.run(TESTS);
  undo();
  runs.markChanged(FILE);
  return result;
}

describe("test runs of mutants", { timeout: 120_000 }, () => {
  it("the test server runs the tests with and without each change", async () => {
    const unbroken = { passedTests: expect.toSatisfy((count) => count > 0), failure: undefined };
    expect(await runs.run(TESTS)).toEqual(unbroken);
    expect((await runWith("this.#size++;", "this.#size += 2;")).failure).toMatchObject({ kind: "assertion" });
    expect(await runs.run(TESTS)).toEqual(unbroken);
    expect((await runWith("this.#size++;", "this.#size += ;")).failure).toMatchObject({ kind: "collection error" });
    expect(await runs.run(TESTS)).toEqual(unbroken);
  });

  it.each([
    [{ name: "AssertionError", message: "expected 1 to be 2" }, "assertion", true],
    [{ name: "TypeError", message: "x is not a function" }, "error in a test", true],
    [{ name: "Error", message: "Test timed out in 20000ms." }, "timeout", false],
  ])("%o is a failure of the kind '%s'", (error, kind, detects) => {
    expect(kindOfTestError(error)).toBe(kind);
    expect(isDetection({ kind: kindOfTestError(error), where: "", message: error.message })).toBe(detects);
  });

  it.each([
    ["Request aborted", "unhandled error"],
    ["[vitest-pool]: Worker forks emitted error.", "no end"],
  ])("the unhandled error '%s' is a failure of the kind '%s'", (message, kind) => {
    expect(kindOfUnhandledError({ message })).toBe(kind);
  });
});
