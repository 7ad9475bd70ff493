// Supervisor of WORKERS gateway processes that share one listener: starts them, restarts crashed ones with exponential
// backoff, drains them, and serves the management listener with their merged readiness and metrics. Unused if WORKERS=1.
import cluster, { type Worker } from "node:cluster";
import { setTimeout as sleep } from "node:timers/promises";
import { AggregatorRegistry } from "prom-client";
import type { GatewayConfig, ServerConfig } from "./config/config.ts";
import { createAdminApi } from "./management/admin/admin-api.ts";
import { createAdminApplication } from "./management/admin/admin-application.ts";
import { createManagementServer } from "./management/management-server.ts";
import type { GatewayMetrics } from "./metrics/metrics.ts";
import { listen, type ListenError } from "./http/listen.ts";
import type { CheckReport, CheckResult, ReadinessCheck } from "./metrics/dependency-check.ts";
import { checkAll } from "./management/readiness.ts";
import type { Log } from "./logging/log.ts";
import { openStores } from "./store/open-store.ts";

type Query = "readiness" | "metrics";
/** IPC messages, matched by `id`. */
type QueryMessage = { query: Query; id: number };
type ResultMessage = { resultOf: number; result: unknown };
type WorkerMetrics = Parameters<typeof AggregatorRegistry.aggregate>[0][number];

/** Exit code of a worker with an invalid configuration (EX_CONFIG of sysexits.h): it is not restarted. */
const CONFIG_ERROR_EXIT_CODE = 78;
const QUERY_TIMEOUT_MS = 900;
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

type QuerySources = { checks: () => readonly ReadinessCheck[]; metrics: Pick<GatewayMetrics, "snapshot"> };

/** In a worker: sends the supervisor this process's readiness and metrics when it queries them. */
export function serveSupervisorQueries({ checks, metrics }: QuerySources): void {
  process.on("message", ({ query, id }: Partial<QueryMessage>) => {
    if (query === undefined) return;
    const result = query === "metrics" ? metrics.snapshot() : checkAll(checks(), CHECK_TIMEOUT_MS);
    void result.then(
      (value) => process.send?.({ resultOf: id, result: value }),
      () => undefined,
    );
  });
}

type SupervisorDependencies = { config: GatewayConfig; log: Log; identity: () => object };

/** Runs the supervisor. Never resolves: the process exits once its workers have. */
export async function supervise(dependencies: SupervisorDependencies): Promise<never> {
  const { config, log } = dependencies;
  const { server } = config;
  const workers = superviseWorkers(dependencies);
  process.once("SIGTERM", () => void workers.drain());
  process.once("SIGINT", () => void workers.drain());
  const management = createMergedManagement(dependencies, workers.isDraining);
  await listen(management, server.management, "MANAGEMENT_").catch((error: ListenError) => {
    log.error("cannot listen", { error, reason: error.message });
    log.flush();
    process.exit(1);
  });
  for (let count = 0; count < server.workers; count++) workers.start();
  return new Promise<never>(() => undefined);
}

/** Restarts workers that end, until `drain`, which ends them and then this process. */
function superviseWorkers({ config, log }: Pick<SupervisorDependencies, "config" | "log">) {
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
      const giveUpMs = performance.now() + config.server.drainMs + longestProviderTimeoutMs(config) + KILL_MARGIN_MS;
      while (runningWorkers().length > 0 && performance.now() < giveUpMs) await sleep(20);
      for (const worker of runningWorkers()) worker.process.kill("SIGKILL");
      log.info("all workers stopped");
      log.flush();
      process.exit(0);
    },
  };
}

/** The management server of the supervisor: readiness and metrics of all workers, and the admin API. */
function createMergedManagement(dependencies: SupervisorDependencies, isDraining: () => boolean) {
  const { config, log, identity } = dependencies;
  const queryWorkers = createWorkerQueries();
  const { contentType } = new AggregatorRegistry();
  const scrape = async (): Promise<string> =>
    AggregatorRegistry.aggregate((await queryWorkers("metrics")) as WorkerMetrics[]).metrics();
  const check = async () => mergeReadiness(await queryWorkers("readiness"), config.server.workers);
  return createManagementServer({
    identity,
    metrics: { scrape, contentType },
    checks: () => [{ name: "workers", check }],
    isDraining,
    admin: createSupervisorAdmin({ config, log }),
    checkTimeoutMs: QUERY_TIMEOUT_MS * 2,
  });
}

/** With a connection of its own: ends reach the workers by Redis, as they reach other instances. */
function createSupervisorAdmin({ config, log }: Pick<SupervisorDependencies, "config" | "log">) {
  const { adminTokens: tokens, management } = config.server;
  if (tokens === undefined) return undefined;
  // The workers report a server that cannot be used.
  const stores = openStores(config.server, log, () => undefined);
  const applications = config.applications.map((own) =>
    createAdminApplication({ config: own, store: stores.of(own.application.id), log }),
  );
  return createAdminApi({ tokens, host: management.host, applications: () => applications, log });
}

export function longestProviderTimeoutMs({ applications }: GatewayConfig): number {
  return Math.max(...applications.map(({ provider }) => provider.timeoutMs));
}

function runningWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** @returns a function that queries all workers; the results omit workers that exceed QUERY_TIMEOUT_MS */
function createWorkerQueries() {
  const pending = new Map<number, (result: unknown) => void>();
  let lastId = 0;
  cluster.on("message", (_worker, { resultOf, result }: Partial<ResultMessage>) => {
    if (resultOf !== undefined) pending.get(resultOf)?.(result);
  });
  const queryWorker = (worker: Worker, query: Query): Promise<unknown> => {
    const id = (lastId += 1);
    const result = new Promise<unknown>((resolve) => {
      pending.set(id, resolve);
      setTimeout(resolve, QUERY_TIMEOUT_MS, undefined).unref();
      worker.send({ query, id } satisfies QueryMessage);
    });
    return result.finally(() => pending.delete(id));
  };
  return async (query: Query): Promise<unknown[]> => {
    const connected = runningWorkers().filter((worker) => worker.isConnected());
    const results = await Promise.all(connected.map((worker) => queryWorker(worker, query)));
    return results.filter((result) => result !== undefined);
  };
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
