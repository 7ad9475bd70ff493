// One gateway process: the applications on one listener, each with its own services and middleware, selected by the Host
// header; and the replacement of their configuration while they run.
import type { Server } from "node:http";
import { createInstances, type InstanceChanges } from "./gateway/application-instances.ts";
import { restartReasons } from "./config/restart-reasons.ts";
import type { Config, GatewayConfig } from "./config/config.ts";
import { identityNames } from "./headers/identity-headers.ts";
import { createHostTable } from "./http/host-table.ts";
import { pipeliningGuard, type Handle } from "./http/pipelining-guard.ts";
import { commonHostPolicy } from "./http/security-headers.ts";
import { attachServerEvents } from "./http/server-events.ts";
import type { ProcessLog } from "./logging/log.ts";
import { gatewayChecks } from "./management/gateway-checks.ts";
import type { ReadinessCheck } from "./metrics/dependency-check.ts";
import type { GatewayMetrics } from "./metrics/metrics.ts";
import { createProcessQuotas, type Services } from "./services.ts";
import type { Stores } from "./store/open-store.ts";
import { createUnknownHostApp } from "./gateway/unknown-host.ts";

export type ApplyResult =
  | ({ kind: "applied" } & InstanceChanges)
  /** The running configuration stays. One sentence per reason. `isTransient`: the same file may be accepted later. */
  | { kind: "rejected"; reasons: readonly string[]; isTransient?: boolean };

export type Gateway = {
  handle: Handle;
  /** Mounts the gateway in a server: its requests, and what Node reports as other events. */
  attach(server: Server): void;
  /** @returns the services of the application with this Host */
  servicesOf(host: string): Services | undefined;
  /** Whether an application has this Host; a single application also serves requests with another one. */
  hasHost(host: string): boolean;
  applications(): readonly Services[];
  /** Checks of /readyz for the current applications. */
  checks(): readonly ReadinessCheck[];
  /** What /readyz shows of the instance. */
  identity(): InstanceIdentity;
  /** @returns one sentence per change that needs a restart; empty if `apply` can apply it */
  plan(next: GatewayConfig): string[];
  /**
   * Replaces the configuration at once, or leaves it: applications with an equal one keep their services and connections, the
   * others get new ones, while the requests in flight finish on the old ones.
   */
  apply(next: GatewayConfig): ApplyResult;
  /** Ends the event streams, so that browsers reconnect to another instance. */
  drain(): void;
  webSockets: { count(): number; closeAll(): Promise<unknown> };
  /** Resolves when no refresh is in flight: its result would be lost with the process. */
  refreshesSettled(): Promise<unknown>;
  /** Closes the applications; the stores stay open. */
  close(): Promise<void>;
};

export type InstanceIdentity = Readonly<{
  /** Id of the only application. */
  application?: string;
  /** Ids of several applications. */
  applications?: readonly string[];
  /** See fingerprint.ts. */
  configuration: string;
}>;

export function identityOf({ applications, hash }: GatewayConfig): InstanceIdentity {
  const ids = applications.map(({ application }) => application.id);
  const [application = ""] = ids;
  return { ...(ids.length === 1 ? { application } : { applications: ids }), configuration: hash };
}

export type GatewayDependencies = {
  log: ProcessLog;
  metrics: GatewayMetrics;
  stores: Stores;
  /** The gateway is part of another server, which has pages and routes of its own. */
  isMounted?: boolean;
};

// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createGateway(initial: GatewayConfig, dependencies: GatewayDependencies): Gateway {
  const { log, metrics, stores, isMounted = false } = dependencies;
  const { server } = initial;
  let config = initial;
  const processQuotas = createProcessQuotas(server);
  const logoutReceivers = () => instances.current().map(({ services }) => services.logoutReceiver);
  const hasSeveral = () => config.applications.length > 1;
  let identity: ReadonlySet<string> = new Set();
  const environmentOf = (own: Config) => {
    const { id } = own.application;
    const shared = { identity, processQuotas, logoutReceivers, isMounted };
    return { ...shared, config: own, store: stores.of(id), log: log.of(id, hasSeveral), metrics: metrics.of(id) };
  };
  const instances = createInstances({
    environmentOf,
    async onRemoved({ application: { id } }) {
      metrics.release(id);
      await stores.release(id);
    },
  });
  const unknownHost = createUnknownHostApp({ config: server, log, metrics: metrics.unknownHost, logoutReceivers });
  let findByHost = (_host: string): Handle | undefined => undefined;
  let only: Handle | undefined;

  const replace = (next: GatewayConfig): InstanceChanges => {
    const known = identity;
    identity = identityNames(next.applications.flatMap(({ upstreams }) => upstreams));
    const changes = instances.replace(next, { rebuildsAll: [...identity].some((name) => !known.has(name)) });
    config = next;
    const current = instances.current();
    // A single application rejects other hosts itself, and redirects navigations by another name of the same host.
    only = current.length === 1 ? current[0]?.handle : undefined;
    findByHost = createHostTable(current.map(({ config: { publicOrigin }, handle }) => [publicOrigin, handle]));
    metrics.configuration(next.hash);
    return changes;
  };
  replace(initial);

  const handle = pipeliningGuard((request, response) => {
    const select = only ?? findByHost(request.headers.host ?? "") ?? unknownHost;
    return select(request, response);
  }, log);
  const ofAll = () => instances.all().map(({ services }) => services);
  return {
    handle,
    attach(httpServer) {
      const policy = commonHostPolicy(initial.applications);
      attachServerEvents(httpServer, { config: { ...server, ...policy }, log, handle });
    },
    servicesOf(host) {
      const found = only ?? findByHost(host);
      return instances.current().find((instance) => instance.handle === found)?.services;
    },
    hasHost: (host) => findByHost(host) !== undefined,
    applications: () => instances.current().map(({ services }) => services),
    checks: () =>
      gatewayChecks(
        instances.current().map((each) => ({ id: each.config.application.id, checks: each.services.readinessChecks })),
      ),
    identity: () => identityOf(config),
    plan: (next) => restartReasons(config, next),
    apply(next) {
      const reasons = restartReasons(config, next);
      if (reasons.length > 0) return { kind: "rejected", reasons };
      try {
        return { kind: "applied", ...replace(next) };
      } catch (error) {
        log.error("configuration cannot be applied", { error });
        return { kind: "rejected", reasons: ["An application could not be built from the file; see the log"] };
      }
    },
    drain: () => ofAll().forEach(({ drain }) => drain()),
    webSockets: {
      count: () => ofAll().reduce((sum, { tunnels }) => sum + tunnels.count(), 0),
      closeAll: () => Promise.all(ofAll().map(({ tunnels }) => tunnels.closeAll())),
    },
    refreshesSettled: () => Promise.all(ofAll().map((services) => services.refreshesSettled())),
    close: async () => void (await Promise.all(ofAll().map((services) => services.close()))),
  };
}
