// Prometheus metrics of the process: its own, and those of its applications with the label `application`.
import { AggregatorRegistry, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { createApplicationMetrics, createRequestMetrics, type Metrics } from "./application-metrics.ts";
import { createReloadMetrics, type ReloadOutcome } from "./reload-metrics.ts";

export type {
  BearerOutcome,
  FinishedRequest,
  LoginOutcome,
  Metrics,
  RefreshOutcome,
  WebSocketEnd,
} from "./application-metrics.ts";
export type { UpstreamSnapshot } from "./upstream-metrics.ts";

export type GatewayMetrics = {
  /** @returns the metrics of this application: the same ones until `release` */
  of(application: string): Metrics;
  /** Of requests whose Host belongs to no application: the label `application` is empty. */
  unknownHost: Pick<Metrics, "request">;
  /** Removes the series of an application. */
  release(application: string): void;
  /** Sets the label of `cloakroom_configuration_info`. */
  configuration(hash: string): void;
  reload(outcome: ReloadOutcome): void;
  contentType: string;
  /** @returns the metrics in the Prometheus text format */
  scrape(): Promise<string>;
  /** @returns the metrics as JSON, for the supervisor that aggregates the workers; an application's follow the process's */
  snapshot(): Promise<object[]>;
};

type Snapshot = Parameters<typeof AggregatorRegistry.aggregate>[0][number];

/** @param ofProcess whether to observe the process: only its owner, because the observers last as long as the process */
export function createMetrics({ ofProcess = true }: { ofProcess?: boolean } = {}): GatewayMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (ofProcess) collectDefaultMetrics({ register: registry, prefix: "cloakroom_" });
  const configuration = new Gauge({
    name: "cloakroom_configuration_info",
    help: "Always 1; the label is the hash of the configuration, equal on instances with the same one",
    labelNames: ["hash"],
    aggregator: "max",
    registers,
  });
  const { reload } = createReloadMetrics(registry);
  const applications = new Map<string, ReturnType<typeof createApplicationMetrics>>();
  const unknownHost = new Registry();
  unknownHost.setDefaultLabels({ application: "" });
  const snapshots = () =>
    Promise.all(
      [unknownHost, ...[...applications.values()].map((each) => each.registry)].map((each) => each.getMetricsAsJSON()),
    );
  return {
    of(application) {
      const known = applications.get(application) ?? createApplicationMetrics(application);
      applications.set(application, known);
      return known.metrics;
    },
    unknownHost: createRequestMetrics(unknownHost),
    release: (application) => void applications.delete(application),
    configuration(hash) {
      configuration.reset();
      configuration.set({ hash }, 1);
    },
    reload,
    contentType: registry.contentType,
    async scrape() {
      // The text format requires all series of one metric in one group, whatever application they belong to.
      const merged = AggregatorRegistry.aggregate((await snapshots()) as Snapshot[]);
      return `${await registry.metrics()}\n${await merged.metrics()}`;
    },
    snapshot: async () => [...(await registry.getMetricsAsJSON()), ...(await snapshots()).flat()],
  };
}
