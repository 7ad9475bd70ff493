// Prometheus metrics of the upstreams, filled from their plain counters on each scrape.
import { Counter, Gauge, type Registry } from "prom-client";

/** Counters of one upstream. `upstream` is its prefix, `address` the origin of one of its servers. */
export type UpstreamSnapshot = {
  upstream: string;
  outcomes: Readonly<Record<string, number>>;
  retries: number;
  queued: number;
  addresses: readonly {
    address: string;
    inFlight: number;
    connections: number;
    failures: number;
    isCircuitOpen: boolean;
  }[];
};

export function registerUpstreams(registry: Registry, snapshot: () => readonly UpstreamSnapshot[]): void {
  const registers = [registry];
  const requests = new Counter({
    name: "cloakroom_upstream_requests_total",
    help: "Requests to an upstream by outcome",
    labelNames: ["upstream", "outcome"],
    registers,
    // Collected first; fills all metrics of this file. Two instances of an application have the same upstreams.
    collect: () => fill(),
  });
  const retries = new Counter({
    name: "cloakroom_upstream_retries_total",
    help: "Requests retried on a fresh connection after a stale one closed without a response",
    labelNames: ["upstream"],
    registers,
  });
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name: `cloakroom_upstream_${name}`, help, labelNames, registers });
  const queued = gauge("queued", "Requests waiting for a connection", ["upstream"]);
  const inFlight = gauge("in_flight", "Requests in flight", ["upstream", "address"]);
  const connections = gauge("connections", "Open connections", ["upstream", "address"]);
  const failures = gauge("connect_failures", "Consecutive connection failures", ["upstream", "address"]);
  const circuitOpen = gauge("circuit_open", "1 while the circuit of this upstream server is open", [
    "upstream",
    "address",
  ]);

  const fill = (): void => {
    for (const metric of [requests, retries, queued, inFlight, connections, failures, circuitOpen]) metric.reset();
    for (const { upstream, outcomes, retries: retried, queued: waiting, addresses } of snapshot()) {
      for (const [outcome, count] of Object.entries(outcomes)) requests.inc({ upstream, outcome }, count);
      retries.inc({ upstream }, retried);
      queued.inc({ upstream }, waiting);
      for (const { address, ...each } of addresses) {
        const labels = { upstream, address };
        inFlight.inc(labels, each.inFlight);
        connections.inc(labels, each.connections);
        failures.set(labels, each.failures);
        circuitOpen.set(labels, each.isCircuitOpen ? 1 : 0);
      }
    }
  };
}
