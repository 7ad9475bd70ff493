// Readiness of several applications: one application's failure degrades the instance, and names the application.
import { describe, expect, it } from "vitest";
import { gatewayChecks } from "../../src/management/gateway-checks.ts";
import { checkAll, createReadiness } from "../../src/management/readiness.ts";
import type { CheckResult, ReadinessCheck } from "../../src/metrics/dependency-check.ts";
import { VARIABLES } from "../../src/config/setting-words.ts";

const OK: CheckResult = { status: "ok" };
const FAILED: CheckResult = { status: "failed", detail: "OIDC_ISSUER does not respond." };

function application(id: string, provider: CheckResult | Promise<CheckResult>, store: CheckResult = OK) {
  const check = (name: string, result: CheckResult | Promise<CheckResult>): ReadinessCheck => ({
    name,
    check: async () => result,
  });
  return { id, checks: [check("store", store), check("provider", provider), check("session-cache", OK)] };
}
const never = new Promise<CheckResult>(() => undefined);
const reportOf = (...applications: ReturnType<typeof application>[]) => checkAll(gatewayChecks(applications), 1_000);

describe("checks of several applications", () => {
  it("the check of several applications is degraded if one fails, and names its id", async () => {
    const report = await reportOf(application("shop", OK), application("desk", FAILED));
    expect(report.status).toBe("degraded");
    expect(report.checks["desk/provider"]).toEqual({ ...FAILED, status: "degraded" });
    expect(report.checks["shop/provider"]).toEqual(OK);
    expect(report.checks["applications"]).toEqual(OK);
  });

  it.each([
    ["fails", FAILED],
    ["never responds", never],
  ])("of which one %s take requests from the start", async (_what, provider) => {
    const checks = () => gatewayChecks([application("shop", OK), application("desk", provider)]);
    const readiness = createReadiness({ checks, isDraining: () => false, words: VARIABLES, checkTimeoutMs: 1_000 });
    expect(await readiness()).toMatchObject({ takesRequests: true });
  });

  it("checks of several applications fail if no application can use its provider", async () => {
    const report = await reportOf(application("shop", FAILED), application("desk", never));
    expect(report.status).toBe("failed");
    expect(report.checks["applications"]).toMatchObject({ status: "failed" });
  });

  it("checks of several applications fail if the store that they share fails", async () => {
    const report = await reportOf(application("shop", OK, FAILED), application("desk", OK, FAILED));
    expect(report.status).toBe("failed");
    expect(Object.keys(report.checks).filter((name) => name.endsWith("store"))).toEqual(["store"]);
  });

  it("checks of several applications ask each provider once per report", async () => {
    let asked = 0;
    const counting = { id: "shop", checks: [{ name: "provider", check: async () => ((asked += 1), OK) }] };
    await reportOf(counting, application("desk", OK));
    expect(asked).toBe(1);
  });
});

it("the checks of a single application keep their names and results", async () => {
  expect(await reportOf(application("shop", FAILED))).toEqual({
    status: "failed",
    checks: { store: OK, provider: FAILED, "session-cache": OK },
  });
});
