// Counts of passed, failed and skipped tests from the JSON reports of Vitest and Playwright.
import { readFileSync, writeFileSync } from "node:fs";

export type Count = { passed: number; failed: number; skipped: number };

export const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 };

/** Names the file to which a script that runs tests writes its count. */
export const COUNT_FILE_VARIABLE = "CLOAKROOM_TEST_COUNT_FILE";

export function sumOf(counts: readonly Count[]): Count {
  return counts.reduce(
    (sum, { passed, failed, skipped }) => ({
      passed: sum.passed + passed,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
    }),
    NOTHING,
  );
}

export function countLine({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Prints the count as the script's last line, writes it to the file of COUNT_FILE_VARIABLE and sets the exit code. */
export function reportCount(count: Count): void {
  console.log(`\n${countLine(count)}`);
  const file = process.env[COUNT_FILE_VARIABLE];
  if (file !== undefined) writeFileSync(file, JSON.stringify(count));
  process.exitCode = count.failed === 0 ? 0 : 1;
}

/** The count of a script whose programs are missing: skipped, or failed if REQUIRE_KEYCLOAK=1. */
export function skippedOrFailed(): Count {
  return process.env["REQUIRE_KEYCLOAK"] === "1" ? { ...NOTHING, failed: 1 } : { ...NOTHING, skipped: 1 };
}

type PlaywrightSuite = {
  suites?: PlaywrightSuite[];
  specs?: { title: string; tests: { status: string; annotations: { type: string; description?: string }[] }[] }[];
};
type PlaywrightReport = PlaywrightSuite & {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
};

/** Flaky tests (passed on retry) count as failed. */
export function playwrightCount(file: string, status: number | null): Count {
  const { expected = 0, unexpected = 0, flaky = 0, skipped = 0 } = readReport<PlaywrightReport>(file)?.stats ?? {};
  return atLeastOneFailure({ passed: expected, failed: unexpected + flaky, skipped }, status);
}

/** @returns one line per skipped test: title and reason */
export function skippedTests(file: string): string[] {
  const linesOf = ({ suites = [], specs = [] }: PlaywrightSuite): string[] => [
    ...specs.flatMap(({ title, tests }) =>
      tests
        .filter(({ status }) => status === "skipped")
        .map(({ annotations }) => `${title}: ${annotations.find(({ type }) => type === "skip")?.description ?? "?"}`),
    ),
    ...suites.flatMap(linesOf),
  ];
  const report = readReport<PlaywrightReport>(file);
  return report === undefined ? [] : linesOf(report);
}

export function vitestCount(file: string, status: number | null): Count {
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
  } = readReport<Partial<Record<"numPassedTests" | "numFailedTests" | "numPendingTests", number>>>(file) ?? {};
  return atLeastOneFailure({ passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests }, status);
}

/** @returns undefined if the file is missing or not JSON */
export function readReport<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** A runner that exits with an error and reports no failed test (a crash) counts as one failure. */
export function atLeastOneFailure(count: Count, status: number | null): Count {
  return status === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}
