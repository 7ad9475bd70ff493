// A gauge per dependency, from the same checks as /readyz: alerts see an outage although the instance stays ready.
import { Gauge, type Registry } from "prom-client";
import type { CheckReport } from "./dependency-check.ts";

/** Label values are the names of the checks, a closed list of this gateway's own. */
export function watchDependencies(registry: Registry, report: () => Promise<CheckReport>): void {
  const collect = async function (this: Gauge): Promise<void> {
    const { checks } = await report();
    this.reset();
    for (const [dependency, { status }] of Object.entries(checks)) this.set({ dependency }, status === "ok" ? 1 : 0);
  };
  new Gauge({
    name: "cloakroom_dependency_up",
    help: "1 while the check of this name in /readyz is ok, 0 while it is degraded or failed",
    labelNames: ["dependency"],
    // Of several workers, one that lacks a dependency decides.
    aggregator: "min",
    registers: [registry],
    collect,
  });
}
