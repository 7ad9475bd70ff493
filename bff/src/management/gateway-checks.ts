// Readiness of a process with several applications: a failure of one application degrades the instance and stops no other
// one, so it never takes the instance out of its Service.
import { withDeadline } from "../lib/with-deadline.ts";
import type { CheckResult, ReadinessCheck } from "../metrics/dependency-check.ts";

export type ApplicationChecks = { id: string; checks: readonly ReadinessCheck[] };

/** Checks of the connections that the applications share. */
const SHARED: ReadonlySet<string> = new Set(["store"]);
/** Below the time-outs of the reports that contain these checks, which would count as failures of the instance. */
const CHECK_WAIT_MS = 400;
const LATE: CheckResult = { status: "failed", detail: `No result within ${CHECK_WAIT_MS} ms.` };

/** @returns the checks of a single application as they are; otherwise each named by its application */
export function gatewayChecks(applications: readonly ApplicationChecks[]): ReadinessCheck[] {
  const [first, ...others] = applications;
  if (first === undefined) return [];
  if (others.length === 0) return [...first.checks];
  const once = applications.map(({ id, checks }) => ({ id, checks: checks.map(runOnce) }));
  return [
    ...first.checks.filter(({ name }) => SHARED.has(name)),
    {
      name: "applications",
      check: () => anyCanLogIn(once.flatMap(({ checks }) => checks.filter(({ name }) => name === "provider"))),
    },
    ...once.flatMap(({ id, checks }) =>
      checks
        .filter(({ name }) => !SHARED.has(name))
        .map(({ name, check }) => ({ name: `${id}/${name}`, check: async () => demoted(await check()) })),
    ),
  ];
}

function runOnce({ name, check }: ReadinessCheck): ReadinessCheck {
  let result: Promise<CheckResult> | undefined;
  return { name, check: () => (result ??= withDeadline(check(), CHECK_WAIT_MS, LATE)) };
}

/** Fails only while no application can be used: then the configuration, not a provider, is likely to be wrong. */
async function anyCanLogIn(providers: readonly ReadinessCheck[]): Promise<CheckResult> {
  const failed: CheckResult = { status: "failed", detail: "No application can use its provider." };
  const results = await Promise.all(providers.map(({ check }) => check().catch(() => failed)));
  return results.some(({ status }) => status !== "failed") ? { status: "ok" } : failed;
}

function demoted(result: CheckResult): CheckResult {
  return result.status === "failed" ? { ...result, status: "degraded" } : result;
}
