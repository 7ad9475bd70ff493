// The result of a dependency check: what /readyz reports and what the dependency metrics show.

export type CheckResult = {
  /** `failed`: no request that needs it can be served. `degraded`: requests are served with a limitation. */
  status: "ok" | "degraded" | "failed";
  /** One sentence for the operator that names the setting and the cure; never a secret. */
  detail?: string;
  /** The fault is inside this instance, so another instance may be able to serve: it stays `failed`. */
  scope?: "instance";
};

export type ReadinessCheck = { name: string; check: () => Promise<CheckResult> };

export type CheckReport = { status: CheckResult["status"]; checks: Record<string, CheckResult> };
