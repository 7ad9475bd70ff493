// Process that keeps one Vitest for all mutants of a copy: starting Vitest and transforming the sources takes longer than
// most of the tests. Started in the copy's folder by test-runs.ts. Each run uses new workers.
import { join, relative } from "node:path";
import {
  createVitest,
  type Reporter,
  type SerializedError,
  type TestCase,
  type TestModule,
  type TestSuite,
} from "vitest/node";
import { kindOfTestError, kindOfUnhandledError, type Failure, type RunResult } from "./failure.ts";

export type RunRequest = {
  /** Files that have changed since the previous run. */
  changed: readonly string[];
  /** Test files or folders, absolute. */
  tests: readonly string[];
};

let passedTests = 0;
let failure: Failure | undefined;

const reporter: Reporter = {
  onTestCaseResult: (test) => {
    if (test.result().state === "passed") passedTests += 1;
    recordTest(test);
  },
  onTestSuiteResult: (suite) => recordSuite(suite, suite.fullName),
  onTestModuleEnd: (module) => recordSuite(module, relative(process.cwd(), module.moduleId)),
  onTestRunEnd: (modules, unhandled: readonly SerializedError[], reason) => {
    const [error] = unhandled;
    if (error !== undefined) record({ kind: kindOfUnhandledError(error), where: "", message: error.message });
    // The end of a run by --bail can precede the report of the failed test, if tests run concurrently.
    for (const module of modules) for (const test of module.children.allTests("failed")) recordTest(test);
    if (reason !== "passed") record({ kind: "no end", where: "", message: `the run ${reason} without a failed test` });
  },
};

// As the command line does.
process.env["TEST"] = "true";
process.env["VITEST"] = "true";
process.env["NODE_ENV"] ??= "test";
const vitest = await createVitest("test", { watch: false, bail: 1, reporters: [reporter] });
await vitest.standalone();
const specifications = await vitest.globTestSpecifications();

process.on("message", (request: RunRequest) => void run(request).then((result) => process.send?.(result)));
process.on("disconnect", () => void vitest.cancelCurrentRun("keyboard-input").finally(() => void vitest.exit(true)));
process.send?.("ready");

async function run({ changed, tests }: RunRequest): Promise<RunResult> {
  passedTests = 0;
  failure = undefined;
  for (const file of changed) vitest.invalidateFile(file);
  const selected = specifications.filter(({ moduleId }) =>
    tests.some((test) => moduleId === test || moduleId.startsWith(join(test, "/"))),
  );
  await vitest.runTestSpecifications(selected);
  return { passedTests, failure };
}

function recordTest(test: TestCase): void {
  const result = test.result();
  const [error] = result.state === "failed" ? result.errors : [];
  if (error !== undefined) record({ kind: kindOfTestError(error), where: test.fullName, message: error.message });
}

function recordSuite(suite: TestSuite | TestModule, where: string): void {
  const [error] = suite.errors();
  if (error === undefined) return;
  // A file without tests has failed before they were known.
  const isCollection = suite.type === "module" && suite.children.size === 0;
  record({ kind: isCollection ? "collection error" : "error in a hook", where, message: error.message });
}

function record(found: Failure): void {
  failure ??= found;
}
