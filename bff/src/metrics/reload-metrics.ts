// Counter of the reloads of the configuration file.
import { Counter, Registry } from "prom-client";

export type ReloadOutcome = "applied" | "rejected";

/** @param registry default: of its own, for the supervisor */
export function createReloadMetrics(registry: Registry = new Registry()) {
  const reloads = new Counter({
    name: "cloakroom_configuration_reloads_total",
    help: "Reloads of the configuration file by outcome",
    labelNames: ["outcome"],
    registers: [registry],
  });
  return {
    reload: (outcome: ReloadOutcome): void => reloads.inc({ outcome }),
    snapshot: (): Promise<object[]> => registry.getMetricsAsJSON(),
  };
}
