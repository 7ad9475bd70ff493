// Messages between the supervisor and its workers (IPC of node:cluster): queries, matched with their results by `id`, and
// the configuration of a worker that starts.
import cluster, { type Worker } from "node:cluster";
import type { ConfigTexts, GatewayConfig } from "../config/config.ts";

/** `prepare` and `commit` apply a configuration: see cluster-reload.ts. */
export type Query = "readiness" | "metrics" | "prepare" | "commit";

/** A configuration that is sent to a worker. */
export type SentConfig = { texts: ConfigTexts; files: readonly string[]; hash: string };

type QueryMessage = { query: Query; id: number; config?: SentConfig | undefined };
type ResultMessage = { resultOf: number; result: unknown };
type StartMessage = { startsWithout: "configuration" };
type ConfigMessage = { startConfig: SentConfig };

export const QUERY_TIMEOUT_MS = 900;
/** The supervisor responds at once; without one of ours there is no response. */
const START_CONFIG_WAIT_MS = 5_000;

/** @returns undefined if the configuration comes from the environment, which workers inherit */
export function sentConfig({ texts, files, hash }: GatewayConfig): SentConfig | undefined {
  return texts === undefined ? undefined : { texts, files, hash };
}

export type Respond = (query: Query, config: SentConfig | undefined) => Promise<unknown>;

/** In a worker: sends the results of queries to the supervisor. */
export function serveQueries(respond: Respond): void {
  process.on("message", ({ query, id, config }: Partial<QueryMessage>) => {
    if (query === undefined) return;
    void respond(query, config).then(
      (result) => process.send?.({ resultOf: id, result }),
      () => undefined,
    );
  });
}

/**
 * In a worker: the configuration that the other workers use, since the file may have changed.
 * @returns undefined without a supervisor of ours
 */
export async function startConfig(): Promise<SentConfig | undefined> {
  if (!cluster.isWorker || process.send === undefined) return undefined;
  const received = new Promise<SentConfig>((resolve) => {
    const onMessage = ({ startConfig: config }: Partial<ConfigMessage>): void => {
      if (config === undefined) return;
      process.off("message", onMessage);
      resolve(config);
    };
    process.on("message", onMessage);
  });
  process.send({ startsWithout: "configuration" } satisfies StartMessage);
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, START_CONFIG_WAIT_MS, undefined).unref());
  return Promise.race([received, late]);
}

/** In the supervisor: sends the running configuration to workers that start. */
export function serveStartConfig(current: () => SentConfig | undefined): void {
  cluster.on("message", (worker, { startsWithout }: Partial<StartMessage>) => {
    const startConfig = startsWithout === undefined ? undefined : current();
    if (startConfig !== undefined) worker.send({ startConfig } satisfies ConfigMessage);
  });
}

export function runningWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

type QueryOptions = { config?: SentConfig | undefined; timeoutMs?: number };

export type QueryWorkers = (query: Query, options?: QueryOptions) => Promise<{ worker: Worker; result: unknown }[]>;

/** @returns a function that queries all workers; a result is undefined if the worker exceeds the time-out */
export function createWorkerQueries(): QueryWorkers {
  const pending = new Map<number, (result: unknown) => void>();
  let lastId = 0;
  cluster.on("message", (_worker, { resultOf, result }: Partial<ResultMessage>) => {
    if (resultOf !== undefined) pending.get(resultOf)?.(result);
  });
  const queryWorker = (worker: Worker, message: Omit<QueryMessage, "id">, timeoutMs: number): Promise<unknown> => {
    const id = (lastId += 1);
    const result = new Promise<unknown>((resolve) => {
      pending.set(id, resolve);
      setTimeout(resolve, timeoutMs, undefined).unref();
      worker.send({ ...message, id } satisfies QueryMessage);
    });
    return result.finally(() => pending.delete(id));
  };
  return async (query, { config, timeoutMs = QUERY_TIMEOUT_MS } = {}) => {
    const connected = runningWorkers().filter((worker) => worker.isConnected());
    return Promise.all(
      connected.map(async (worker) => ({ worker, result: await queryWorker(worker, { query, config }, timeoutMs) })),
    );
  };
}
