// Readiness: whether the instance takes requests, and which dependencies or settings fail.
// 503 until every check has passed once and while the instance drains. Afterwards a failing dependency is reported as
// `degraded` with 200: a shared outage would otherwise take every instance out of its Service, and browsers would get
// the ingress's error page instead of the gateway's 503 with Retry-After (I5).
import type { SettingWords } from "../config/setting-words.ts";
import { withDeadline } from "../lib/with-deadline.ts";
import type { CheckReport, CheckResult, ReadinessCheck } from "../metrics/dependency-check.ts";

export type ReadinessReport = CheckReport & { takesRequests: boolean; detail?: string };

export type ReadinessOptions = {
  /** Called for each report: a reload changes the applications. */
  checks: () => readonly ReadinessCheck[];
  isDraining: () => boolean;
  /** How details name settings. */
  words: Pick<SettingWords, "sentence">;
  /** A check that exceeds it counts as failed. Kubernetes probes time out after 1 s by default. */
  checkTimeoutMs?: number;
};

/** @returns a function that runs all checks and remembers whether they have passed once */
export function createReadiness({ checks, isDraining, words, checkTimeoutMs = 1_000 }: ReadinessOptions) {
  let hasBeenReady = false;
  return async function reportReadiness(): Promise<ReadinessReport> {
    if (isDraining())
      return { takesRequests: false, status: "failed", checks: {}, detail: "The gateway is shutting down." };
    const report = inWords(await checkAll(checks(), checkTimeoutMs), words);
    if (report.status !== "failed") hasBeenReady = true;
    const hasInstanceFailure = Object.values(report.checks).some(
      ({ status, scope }) => status === "failed" && scope === "instance",
    );
    if (!hasBeenReady || hasInstanceFailure) return { ...report, takesRequests: report.status !== "failed" };
    return { takesRequests: true, ...demoteFailures(report) };
  };
}

function inWords({ status, checks }: CheckReport, words: ReadinessOptions["words"]): CheckReport {
  const named = Object.entries(checks).map(([name, { detail, ...result }]): [string, CheckResult] => [
    name,
    detail === undefined ? result : { ...result, detail: words.sentence(detail) },
  ]);
  return { status, checks: Object.fromEntries(named) };
}

function demoteFailures({ checks }: CheckReport): CheckReport {
  const demoted = Object.entries(checks).map(([name, result]): [string, CheckResult] => [
    name,
    result.status === "failed" ? { ...result, status: "degraded" } : result,
  ]);
  return reportOf(demoted);
}

/** Runs all checks concurrently. @returns a report with the worst of their statuses */
export async function checkAll(checks: readonly ReadinessCheck[], timeoutMs: number): Promise<CheckReport> {
  return reportOf(
    await Promise.all(checks.map(async ({ name, check }) => [name, await resultOf(check, timeoutMs)] as const)),
  );
}

function reportOf(results: readonly (readonly [string, CheckResult])[]): CheckReport {
  const found = results.map(([, { status }]) => status);
  const status = found.includes("failed") ? "failed" : found.includes("degraded") ? "degraded" : "ok";
  return { status, checks: Object.fromEntries(results) };
}

async function resultOf(check: () => Promise<CheckResult>, timeoutMs: number): Promise<CheckResult> {
  try {
    return await withDeadline(check(), timeoutMs, { status: "failed", detail: `No result within ${timeoutMs} ms.` });
  } catch {
    // The error message is not shown: it may contain a URL with a password.
    return { status: "failed", detail: "The check threw an error; see the log." };
  }
}
