// What can be seen of upstreams from outside: read off their own plain counters when somebody asks.
import { Counter, Gauge, type Registry } from "prom-client";

/** Everything that is known of one upstream; its names come from the configuration. */
export type UpstreamSample = {
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

export function watchUpstreams(registry: Registry, sample: () => readonly UpstreamSample[]): void {
  const registers = [registry];
  const requests = new Counter({
    name: "cloakroom_upstream_requests_total",
    help: "Requests for an upstream by what became of them",
    labelNames: ["upstream", "outcome"],
    registers,
    // The first of these metrics to be collected fills them all.
    collect: () => fill(),
  });
  const retries = new Counter({
    name: "cloakroom_upstream_retries_total",
    help: "Requests that were sent once more, because nothing had come back",
    labelNames: ["upstream"],
    registers,
  });
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name: `cloakroom_upstream_${name}`, help, labelNames, registers });
  const queued = gauge("queued", "Requests that wait for a connection", ["upstream"]);
  const inFlight = gauge("in_flight", "Requests being answered", ["upstream", "address"]);
  const connections = gauge("connections", "Open connections", ["upstream", "address"]);
  const failures = gauge("connect_failures", "Failed connections since the last answer", ["upstream", "address"]);
  const circuitOpen = gauge("circuit_open", "1 while the circuit of this upstream server is open", [
    "upstream",
    "address",
  ]);

  const fill = (): void => {
    requests.reset();
    retries.reset();
    for (const { upstream, outcomes, retries: retried, queued: waiting, addresses } of sample()) {
      for (const [outcome, count] of Object.entries(outcomes)) requests.inc({ upstream, outcome }, count);
      retries.inc({ upstream }, retried);
      queued.set({ upstream }, waiting);
      for (const { address, ...each } of addresses) {
        const labels = { upstream, address };
        inFlight.set(labels, each.inFlight);
        connections.set(labels, each.connections);
        failures.set(labels, each.failures);
        circuitOpen.set(labels, each.isCircuitOpen ? 1 : 0);
      }
    }
  };
}
