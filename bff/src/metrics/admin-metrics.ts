// Metrics of the admin API. A registry of their own, because with WORKERS above 1 the supervisor serves the admin API and
// has no other metrics.
import { Counter, Registry } from "prom-client";

export type AdminMetrics = {
  request(status: number): void;
  /** @param code error code of the rejection */
  rejected(code: string): void;
  ended(count: number): void;
  scrape(): Promise<string>;
  /** For the test of the reference. */
  snapshot(): Promise<object[]>;
};

export function createAdminMetrics(): AdminMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "cloakroom_admin_requests_total",
    help: "Requests of the admin API with a valid token",
    ...{ labelNames: ["status"], registers },
  });
  const rejections = new Counter({
    name: "cloakroom_admin_rejections_total",
    help: "Requests of the admin API that were rejected before their route: no valid token, or from a browser",
    ...{ labelNames: ["code"], registers },
  });
  const ended = new Counter({
    name: "cloakroom_admin_ended_sessions_total",
    help: "Sessions ended by the admin API",
    registers,
  });
  return {
    request: (status) => requests.inc({ status: `${Math.floor(status / 100)}xx` }),
    rejected: (code) => rejections.inc({ code }),
    ended: (count) => ended.inc(count),
    scrape: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}
