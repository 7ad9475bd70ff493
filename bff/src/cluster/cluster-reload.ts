// One configuration in all workers: the supervisor validates the file once and sends its texts. Every worker prepares it and
// compares its hash; only if all of them agree is it committed.
import {
  runningWorkers,
  sentConfig,
  serveStartConfig,
  type QueryWorkers,
  type SentConfig,
} from "./cluster-messages.ts";
import { ConfigError, restoreGatewayConfig, type GatewayConfig } from "../config/config.ts";
import { restartReasons } from "../config/restart-reasons.ts";
import type { ApplyResult, Gateway } from "../gateway.ts";

const PREPARE_TIMEOUT_MS = 10_000;
const NOT_ALL_WORKERS = "A worker did not respond in time, so no worker applies the file; it is tried again";

export type ClusterReload = {
  current(): GatewayConfig;
  apply(next: GatewayConfig): Promise<ApplyResult>;
};

/** In the supervisor. */
export function createClusterReload(initial: GatewayConfig, queryWorkers: QueryWorkers): ClusterReload {
  let current = initial;
  serveStartConfig(() => sentConfig(current));
  return {
    current: () => current,
    async apply(next) {
      const reasons = restartReasons(current, next);
      if (reasons.length > 0) return { kind: "rejected", reasons };
      const query = { config: sentConfig(next), timeoutMs: PREPARE_TIMEOUT_MS };
      const count = runningWorkers().length;
      const prepared = await queryWorkers("prepare", query);
      if (count === 0 || prepared.length < count || prepared.some(({ result }) => result === undefined))
        return { kind: "rejected", reasons: [NOT_ALL_WORKERS], isTransient: true };
      const found = [...new Set(prepared.flatMap(({ result }) => result as string[]))];
      if (found.length > 0) return { kind: "rejected", reasons: found };
      current = next;
      // It reaches workers that have started in the meantime as well.
      const committed = await queryWorkers("commit", query);
      // A worker that does not apply it ends, and is restarted with the new configuration.
      for (const { worker, result } of committed) if (!isApplied(result)) worker.process.kill("SIGTERM");
      const first = committed.map(({ result }) => result).find(isApplied);
      return first ?? { kind: "applied", added: [], changed: [], removed: [] };
    },
  };
}

function isApplied(result: unknown): result is Extract<ApplyResult, { kind: "applied" }> {
  return (result as ApplyResult | undefined)?.kind === "applied";
}

/** In a worker. */
export function createWorkerReload(gateway: Pick<Gateway, "plan" | "apply">) {
  let prepared: GatewayConfig | undefined;
  /** @returns why the configuration cannot be applied; empty if it can */
  const prepare = async (config: SentConfig | undefined): Promise<string[]> => {
    prepared = undefined;
    const next = restored(config);
    if (Array.isArray(next)) return next;
    const reasons = gateway.plan(next);
    if (reasons.length === 0) prepared = next;
    return reasons;
  };
  return {
    prepare,
    async commit(config: SentConfig | undefined): Promise<ApplyResult> {
      // Not prepared by a worker that has just started.
      const reasons = prepared?.hash === config?.hash ? [] : await prepare(config);
      const next = prepared;
      prepared = undefined;
      return next === undefined ? { kind: "rejected", reasons } : gateway.apply(next);
    },
  };
}

/** @returns the configuration, or why it is not the same in this process */
export function restored(sent: SentConfig | undefined): GatewayConfig | string[] {
  if (sent === undefined) return ["The supervisor sent no configuration"];
  try {
    const config = restoreGatewayConfig(sent.texts, sent.files);
    return config.hash === sent.hash ? config : ["A file that the configuration names has changed during the reload"];
  } catch (error) {
    if (error instanceof ConfigError) return [...error.faults];
    throw error;
  }
}
