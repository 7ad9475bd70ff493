// Vitest reporter: writes the count of the run, with its failures, to the file of COUNT_FILE_VARIABLE.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { Reporter, SerializedError, TestModule } from "vitest/node";
import { ROOT } from "./bin.ts";
import { COUNT_FILE_VARIABLE, failureLine, type Count } from "./counts.ts";

// Vitest loads a reporter by its default export.
// oxlint-disable-next-line import/no-default-export
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], uncaught: readonly SerializedError[]): void {
    const file = process.env[COUNT_FILE_VARIABLE];
    if (file !== undefined) writeFileSync(file, JSON.stringify(countOf(modules, uncaught)));
  }
}

/** Uncaught errors and files that cannot be loaded count as one failure each. */
function countOf(modules: readonly TestModule[], uncaught: readonly SerializedError[]): Count {
  let passed = 0;
  let skipped = 0;
  const failures = uncaught.map((error) =>
    failureLine("uncaught error", error.name ?? "Error", error.stack ?? error.message),
  );
  for (const module of modules) {
    const file = relative(ROOT, module.moduleId);
    for (const error of module.errors())
      failures.push(failureLine(file, "the whole file", error.stack ?? error.message));
    for (const suite of module.children.allSuites())
      for (const error of suite.errors())
        failures.push(failureLine(file, suite.fullName, error.stack ?? error.message));
    for (const test of module.children.allTests()) {
      const { state, errors = [] } = test.result();
      if (state === "passed") passed += 1;
      else if (state === "failed") failures.push(failureLine(file, test.fullName, errors[0]?.message));
      else skipped += 1;
    }
  }
  return { passed, failed: failures.length, skipped, failures };
}
