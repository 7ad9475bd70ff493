// Counts of passed, failed and skipped tests, with one entry per failure.
import { readFileSync, writeFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

export type Count = {
  passed: number;
  failed: number;
  skipped: number;
  /** One entry per failed test: file, title and the beginning of the error. */
  failures?: readonly string[];
};

export const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 };

/** Names the file to which a script that runs tests writes its count. */
export const COUNT_FILE_VARIABLE = "CLOAKROOM_TEST_COUNT_FILE";

export function sumOf(counts: readonly Count[]): Count {
  return counts.reduce(
    (sum, { passed, failed, skipped, failures = [] }) => ({
      passed: sum.passed + passed,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
      failures: [...(sum.failures ?? []), ...failures],
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

type PlaywrightTest = {
  status: string;
  annotations: { type: string; description?: string }[];
  results?: { errors?: { message?: string }[] }[];
};
type PlaywrightSuite = {
  suites?: PlaywrightSuite[];
  specs?: { title: string; file?: string; tests: PlaywrightTest[] }[];
};
type PlaywrightReport = PlaywrightSuite & {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
};

/** Flaky tests (passed on retry) count as failed. */
export function playwrightCount(file: string, status: number | null): Count {
  const report = readReport<PlaywrightReport>(file);
  const { expected = 0, unexpected = 0, flaky = 0, skipped = 0 } = report?.stats ?? {};
  const failures = report === undefined ? [] : playwrightFailures(report);
  return atLeastOneFailure({ passed: expected, failed: unexpected + flaky, skipped, failures }, status);
}

function playwrightFailures({ suites = [], specs = [] }: PlaywrightSuite): string[] {
  const own = specs.flatMap(({ title, file = "", tests }) =>
    tests
      .filter(({ status }) => status === "unexpected" || status === "flaky")
      .map(({ results = [] }) => failureLine(file, title, results[0]?.errors?.[0]?.message)),
  );
  return [...own, ...suites.flatMap(playwrightFailures)];
}

const MAX_ERROR_CHARS = 1_000;

/** @param error may contain escape sequences for colours */
export function failureLine(file: string, title: string, error = "no message"): string {
  const text = stripVTControlCharacters(error).slice(0, MAX_ERROR_CHARS);
  return `${file} > ${title}\n    ${text.replaceAll("\n", "\n    ")}`;
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
  if (status === 0 || count.failed > 0) return count;
  const crash = `no test failed, but the runner exited with status ${status ?? "unknown"}: see its output`;
  return { ...count, failed: 1, failures: [...(count.failures ?? []), crash] };
}
