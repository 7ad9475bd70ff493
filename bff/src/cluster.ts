// Several processes on one listener, each a gateway of its own: one more process starts them, starts again what crashed,
// drains them, and answers the management listener for all. WORKERS=1 knows nothing of this file.
import cluster, { type Worker } from "node:cluster";
import { setTimeout as sleep } from "node:timers/promises";
import { AggregatorRegistry } from "prom-client";
import type { Config } from "./config/config.ts";
import { createManagementServer } from "./management/management-server.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { listen, type ListenError } from "./http/listen.ts";
import type { CheckReport, CheckResult, ReadinessCheck } from "./metrics/dependency-check.ts";
import { checkAll } from "./management/readiness.ts";
import type { Log } from "./logging/log.ts";

type Question = "readiness" | "metrics";
type Asked = { asked: Question; number: number };
type Answered = { answered: number; answer: unknown };
type MetricsOfOne = Parameters<typeof AggregatorRegistry.aggregate>[0][number];

/** A fault of the configuration: starting it again would cure nothing. */
const WRONG_SETTING = 78;
const ANSWER_TIMEOUT_MS = 900;
/** Shorter, so that a worker reports a check that hangs before the supervisor stops waiting for the worker. */
const CHECK_TIMEOUT_MS = 700;
const RESTART_MS = { first: 100, longest: 5_000, forgottenAfter: 10_000 };
/** Beyond what a worker grants itself for draining. */
const KILL_MARGIN_MS = 8_000;

export function isSupervisor({ workers }: Config): boolean {
  return workers > 1 && cluster.isPrimary;
}

/** A process manager may make us a worker of its own: then nobody asks, and we listen ourselves. */
export function isSupervised({ workers }: Config): boolean {
  return workers > 1 && cluster.isWorker;
}

/** In a worker: answers what the supervisor is asked on the management listener. */
export function answerSupervisor(parts: { checks: readonly ReadinessCheck[]; metrics: Pick<Metrics, "sample"> }): void {
  process.on("message", (message: Partial<Asked>) => {
    const { asked, number } = message;
    if (asked === undefined) return;
    const answer = asked === "metrics" ? parts.metrics.sample() : checkAll(parts.checks, CHECK_TIMEOUT_MS);
    void answer.then(
      (value) => process.send?.({ answered: number, answer: value }),
      () => undefined,
    );
  });
}

/** Never returns: the process ends with its workers. */
export async function supervise({ config, log }: { config: Config; log: Log }): Promise<never> {
  let isDraining = false;
  let hasServed = false;
  let restartMs = RESTART_MS.first;
  const startedMs = new Map<number, number>();
  const ask = createAsking();

  const start = (): void => {
    const worker = cluster.fork();
    startedMs.set(worker.id, performance.now());
    // Whatever is sent to one that was just killed fails here, and unheard would end us too. "exit" follows.
    worker.on("error", () => undefined);
  };
  const restart = async (worker: Worker, reason: string): Promise<void> => {
    const livedMs = performance.now() - (startedMs.get(worker.id) ?? 0);
    startedMs.delete(worker.id);
    restartMs = livedMs > RESTART_MS.forgottenAfter ? RESTART_MS.first : restartMs;
    log.error("a process of the gateway ended, another is started", { reason, seconds: restartMs / 1000 });
    const pauseMs = restartMs;
    restartMs = Math.min(restartMs * 2, RESTART_MS.longest);
    await sleep(pauseMs);
    if (!isDraining) start();
  };
  const drain = async (): Promise<void> => {
    if (isDraining) return;
    isDraining = true;
    for (const worker of living()) worker.process.kill("SIGTERM");
    const giveUpMs = performance.now() + config.drainMs + config.provider.timeoutMs + KILL_MARGIN_MS;
    while (living().length > 0 && performance.now() < giveUpMs) await sleep(20);
    for (const worker of living()) worker.process.kill("SIGKILL");
    log.info("all processes stopped");
    log.flush();
    process.exit(0);
  };

  cluster.on("listening", () => (hasServed = true));
  cluster.on("exit", (worker, code: number, signal: string | null) => {
    if (isDraining) return;
    // It said why itself. What cannot begin is not begun again and again.
    if (code === WRONG_SETTING || (!hasServed && code !== 0)) process.exit(code);
    void restart(worker, signal ?? `exit code ${code}`);
  });
  process.once("SIGTERM", () => void drain());
  process.once("SIGINT", () => void drain());

  const { contentType } = new AggregatorRegistry();
  const scrape = async (): Promise<string> =>
    AggregatorRegistry.aggregate((await ask("metrics")) as MetricsOfOne[]).metrics();
  const checks = [{ name: "workers", check: async () => judge(await ask("readiness"), config.workers) }];
  const management = createManagementServer({
    application: config.application.id,
    metrics: { scrape, contentType },
    checks,
    isDraining: () => isDraining,
    checkTimeoutMs: ANSWER_TIMEOUT_MS * 2,
  });
  await listen(management, config.management, "MANAGEMENT_").catch((error: ListenError) => {
    log.error("cannot listen", { error, reason: error.message });
    log.flush();
    process.exit(1);
  });
  for (let count = 0; count < config.workers; count++) start();
  return new Promise<never>(() => undefined);
}

function living(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** Asks every worker; one that does not answer in time is left out. */
function createAsking() {
  const waiting = new Map<number, (answer: unknown) => void>();
  let count = 0;
  cluster.on("message", (_worker, message: Partial<Answered>) => {
    if (message.answered !== undefined) waiting.get(message.answered)?.(message.answer);
  });
  const askOne = (worker: Worker, asked: Question): Promise<unknown> => {
    const number = (count += 1);
    const answer = new Promise<unknown>((resolve) => {
      waiting.set(number, resolve);
      setTimeout(resolve, ANSWER_TIMEOUT_MS, undefined).unref();
      worker.send({ asked, number } satisfies Asked);
    });
    return answer.finally(() => waiting.delete(number));
  };
  return async (asked: Question): Promise<unknown[]> => {
    const connected = living().filter((worker) => worker.isConnected());
    const answers = await Promise.all(connected.map((worker) => askOne(worker, asked)));
    return answers.filter((answer) => answer !== undefined);
  };
}

/** Requests are served while one process is ready: the detail lists what the others lack. */
function judge(answers: readonly unknown[], workers: number): CheckResult {
  const each = answers as CheckReport[];
  const able = each.filter(({ status }) => status !== "failed");
  const faults = each.flatMap(({ checks }) =>
    Object.entries(checks).flatMap(([name, { status, detail }]) => (status === "ok" ? [] : [`${name}: ${detail}`])),
  );
  const detail = [`${able.length} of ${workers} processes are ready`, ...new Set(faults)].join("; ");
  // Without a process that answers, the public listener is closed: requests belong to another instance.
  if (each.length === 0) return { status: "failed", scope: "instance", detail };
  if (able.length === 0) return { status: "failed", detail };
  return able.length < workers || faults.length > 0 ? { status: "degraded", detail } : { status: "ok" };
}
