// Gauge per dependency, from the checks of /readyz: alerts see an outage although the instance stays ready.
import { Gauge, type Registry } from "prom-client";
import type { CheckReport } from "./dependency-check.ts";

/** Label values are the names of the readiness checks. */
export function registerDependencies(registry: Registry, report: () => Promise<CheckReport>): void {
  const collect = async function (this: Gauge): Promise<void> {
    const { checks } = await report();
    this.reset();
    for (const [dependency, { status }] of Object.entries(checks)) this.set({ dependency }, status === "ok" ? 1 : 0);
  };
  new Gauge({
    name: "cloakroom_dependency_up",
    help: "1 while the readiness check of this name is ok, 0 while it is degraded or failed",
    labelNames: ["dependency"],
    // Across workers: 0 if the dependency is missing in any of them.
    aggregator: "min",
    registers: [registry],
    collect,
  });
}
