// Result types of the readiness checks, shared by /readyz and the dependency metrics.

export type CheckResult = {
  /** `failed`: requests that need the dependency cannot be served. `degraded`: they are served with a limitation. */
  status: "ok" | "degraded" | "failed";
  /** One sentence for the operator: the setting and how to fix it. Contains no secret. */
  detail?: string;
  /** The cause is inside this instance, not shared: /readyz stays 503, so that other instances get the requests. */
  scope?: "instance";
};

export type ReadinessCheck = { name: string; check: () => Promise<CheckResult> };

export type CheckReport = { status: CheckResult["status"]; checks: Record<string, CheckResult> };
