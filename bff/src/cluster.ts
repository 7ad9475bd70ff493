// Supervisor of WORKERS gateway processes that share one listener: starts them, restarts crashed ones with exponential
// backoff, drains them, and serves the management listener with their merged readiness and metrics. Unused if WORKERS=1.
import cluster, { type Worker } from "node:cluster";
import { setTimeout as sleep } from "node:timers/promises";
import { AggregatorRegistry } from "prom-client";
import {
  createWorkerQueries,
  QUERY_TIMEOUT_MS,
  runningWorkers,
  serveQueries,
  type Query,
  type QueryWorkers,
} from "./cluster/cluster-messages.ts";
import { createClusterReload, createWorkerReload, type ClusterReload } from "./cluster/cluster-reload.ts";
import type { Config, GatewayConfig, ServerConfig } from "./config/config.ts";
import type { SettingWords } from "./config/setting-words.ts";
import { identityOf, type Gateway } from "./gateway.ts";
import { createAdminApi } from "./management/admin/admin-api.ts";
import { createAdminApplication } from "./management/admin/admin-application.ts";
import type { AdminApplication } from "./management/admin/admin-routes.ts";
import { createManagementServer } from "./management/management-server.ts";
import type { GatewayMetrics } from "./metrics/metrics.ts";
import { listen, type ListenError } from "./http/listen.ts";
import type { CheckReport, CheckResult, ReadinessCheck } from "./metrics/dependency-check.ts";
import { checkAll } from "./management/readiness.ts";
import { createReloadMetrics } from "./metrics/reload-metrics.ts";
import { reloadOnChange } from "./reload.ts";
import type { Log } from "./logging/log.ts";
import { openStores } from "./store/open-store.ts";

type WorkerMetrics = Parameters<typeof AggregatorRegistry.aggregate>[0][number];

/** Exit code of a worker with an invalid configuration (EX_CONFIG of sysexits.h): it is not restarted. */
const CONFIG_ERROR_EXIT_CODE = 78;
/** Below QUERY_TIMEOUT_MS, so that a worker whose check hangs still reports which one. */
const CHECK_TIMEOUT_MS = 700;
/** Exponential backoff; a worker that ran longer than `resetAfter` starts it anew. */
const RESTART_BACKOFF_MS = { first: 100, longest: 5_000, resetAfter: 10_000 };
/** Added to a worker's own drain time before the supervisor sends SIGKILL. */
const KILL_MARGIN_MS = 8_000;

export function isSupervisor({ workers }: ServerConfig): boolean {
  return workers > 1 && cluster.isPrimary;
}

/** Also true under a process manager that uses node:cluster itself: no queries arrive then. */
export function isSupervised({ workers }: ServerConfig): boolean {
  return workers > 1 && cluster.isWorker;
}

type QuerySources = {
  checks: () => readonly ReadinessCheck[];
  metrics: Pick<GatewayMetrics, "snapshot">;
  gateway: Pick<Gateway, "plan" | "apply">;
};

/** In a worker: sends the supervisor this process's readiness and metrics, and applies a configuration, when it asks. */
export function serveSupervisorQueries({ checks, metrics, gateway }: QuerySources): void {
  const reload = createWorkerReload(gateway);
  serveQueries((query, config) => {
    switch (query) {
      case "readiness":
        return checkAll(checks(), CHECK_TIMEOUT_MS);
      case "metrics":
        return metrics.snapshot();
      case "prepare":
        return reload.prepare(config);
      case "commit":
        return reload.commit(config);
    }
  });
}

type SupervisorDependencies = { config: GatewayConfig; log: Log; words: SettingWords };
type Supervision = Omit<SupervisorDependencies, "config"> & {
  reload: ClusterReload;
  queryWorkers: QueryWorkers;
  isDraining: () => boolean;
};

/** Runs the supervisor. Never resolves: the process exits once its workers have. */
export async function supervise({ config, log, words }: SupervisorDependencies): Promise<never> {
  const { server } = config;
  const queryWorkers = createWorkerQueries();
  const reload = createClusterReload(config, queryWorkers);
  const workers = superviseWorkers(reload.current, log);
  process.once("SIGTERM", () => void workers.drain());
  process.once("SIGINT", () => void workers.drain());
  const management = createMergedManagement(
    { reload, queryWorkers, log, words, isDraining: workers.isDraining },
    config,
  );
  await listen(management, server.management, "MANAGEMENT_").catch((error: ListenError) => {
    log.error("cannot listen", { error, reason: error.message });
    log.flush();
    process.exit(1);
  });
  for (let count = 0; count < server.workers; count++) workers.start();
  return new Promise<never>(() => undefined);
}

/** Restarts workers that end, until `drain`, which ends them and then this process. */
function superviseWorkers(current: () => GatewayConfig, log: Log) {
  let isDraining = false;
  let hasServed = false;
  let restartMs = RESTART_BACKOFF_MS.first;
  const startedMs = new Map<number, number>();

  const start = (): void => {
    const worker = cluster.fork();
    startedMs.set(worker.id, performance.now());
    // A message to a killed worker emits "error", which without a listener would end the supervisor. "exit" follows.
    worker.on("error", () => undefined);
  };
  const restart = async (worker: Worker, reason: string): Promise<void> => {
    const livedMs = performance.now() - (startedMs.get(worker.id) ?? 0);
    startedMs.delete(worker.id);
    restartMs = livedMs > RESTART_BACKOFF_MS.resetAfter ? RESTART_BACKOFF_MS.first : restartMs;
    log.error("worker ended, restarting", { reason, seconds: restartMs / 1000 });
    const pauseMs = restartMs;
    restartMs = Math.min(restartMs * 2, RESTART_BACKOFF_MS.longest);
    await sleep(pauseMs);
    if (!isDraining) start();
  };
  cluster.on("listening", () => (hasServed = true));
  cluster.on("exit", (worker, code: number, signal: string | null) => {
    if (isDraining) return;
    // The worker has logged why. One that fails before any worker has listened is not restarted.
    if (code === CONFIG_ERROR_EXIT_CODE || (!hasServed && code !== 0)) process.exit(code);
    void restart(worker, signal ?? `exit code ${code}`);
  });
  return {
    start,
    isDraining: () => isDraining,
    async drain(): Promise<void> {
      if (isDraining) return;
      isDraining = true;
      for (const worker of runningWorkers()) worker.process.kill("SIGTERM");
      const giveUpMs = performance.now() + longestDrainMs(current()) + KILL_MARGIN_MS;
      while (runningWorkers().length > 0 && performance.now() < giveUpMs) await sleep(20);
      for (const worker of runningWorkers()) worker.process.kill("SIGKILL");
      log.info("all workers stopped");
      log.flush();
      process.exit(0);
    },
  };
}

/** The management server of the supervisor: readiness and metrics of all workers, and the admin API. */
function createMergedManagement(supervision: Supervision, initial: GatewayConfig) {
  const { reload, queryWorkers, log, words, isDraining } = supervision;
  const reloadMetrics = createReloadMetrics();
  const reloadChecks = reloadOnChange({ initial, apply: reload.apply, log, onOutcome: reloadMetrics.reload });
  const { contentType } = new AggregatorRegistry();
  const resultsOf = async (query: Query) =>
    (await queryWorkers(query)).flatMap(({ result }) => (result === undefined ? [] : [result]));
  const scrape = async (): Promise<string> => {
    const snapshots = [...(await resultsOf("metrics")), await reloadMetrics.snapshot()];
    return AggregatorRegistry.aggregate(snapshots as WorkerMetrics[]).metrics();
  };
  const check = async () => mergeReadiness(await resultsOf("readiness"), initial.server.workers);
  return createManagementServer({
    identity: () => identityOf(reload.current()),
    metrics: { scrape, contentType },
    checks: () => [{ name: "workers", check }, ...reloadChecks],
    ...{ isDraining, words },
    admin: createSupervisorAdmin(supervision),
    checkTimeoutMs: QUERY_TIMEOUT_MS * 2,
  });
}

/** With a connection of its own: ends reach the workers by Redis, as they reach other instances. */
function createSupervisorAdmin({ reload: { current }, log, words }: Supervision) {
  const { server } = current();
  if (server.adminTokens === undefined) return undefined;
  // The workers report a server that cannot be used.
  const stores = openStores(server, log, () => undefined);
  const known = new WeakMap<Config, AdminApplication>();
  const applicationOf = (config: Config): AdminApplication => {
    const application =
      known.get(config) ?? createAdminApplication({ config, store: stores.of(config.application.id), log });
    known.set(config, application);
    return application;
  };
  const applications = () => current().applications.map(applicationOf);
  return createAdminApi({ tokens: server.adminTokens, host: server.management.host, applications, log, words });
}

/** A refresh in flight may take the provider's time-out after the requests have ended. */
function longestDrainMs({ server, applications }: GatewayConfig): number {
  return server.drainMs + Math.max(...applications.map(({ provider }) => provider.timeoutMs));
}

/** Ready while at least one worker is; the detail lists the failing checks of the others. */
function mergeReadiness(results: readonly unknown[], workers: number): CheckResult {
  const reports = results as CheckReport[];
  const ready = reports.filter(({ status }) => status !== "failed");
  const failures = reports.flatMap(({ checks }) =>
    Object.entries(checks).flatMap(([name, { status, detail }]) => (status === "ok" ? [] : [`${name}: ${detail}`])),
  );
  const detail = [`${ready.length} of ${workers} processes are ready`, ...new Set(failures)].join("; ");
  // Without a running worker the public listener is closed, so another instance must serve the requests.
  if (reports.length === 0) return { status: "failed", scope: "instance", detail };
  if (ready.length === 0) return { status: "failed", detail };
  return ready.length < workers || failures.length > 0 ? { status: "degraded", detail } : { status: "ok" };
}
