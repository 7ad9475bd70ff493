// How many tests passed, failed and were skipped, read from what the runners report.
import { readFileSync } from "node:fs";

export type Count = { passed: number; failed: number; skipped: number };

export const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 };

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

type PlaywrightSuite = {
  suites?: PlaywrightSuite[];
  specs?: { title: string; tests: { status: string; annotations: { type: string; description?: string }[] }[] }[];
};
type PlaywrightReport = PlaywrightSuite & {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
};

/** A test that passes at the second try has failed. */
export function playwrightCount(file: string, status: number | null): Count {
  const { expected = 0, unexpected = 0, flaky = 0, skipped = 0 } = readReport<PlaywrightReport>(file)?.stats ?? {};
  return atLeastOneFailure({ passed: expected, failed: unexpected + flaky, skipped }, status);
}

/** @returns a line for each test that was skipped, with the reason that it states */
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

export function readReport<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** A runner that broke down before it counted has failed all the same. */
export function atLeastOneFailure(count: Count, status: number | null): Count {
  return status === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}
