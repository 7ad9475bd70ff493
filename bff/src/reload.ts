// Reload of the configuration file: on SIGHUP, and when its content changes. A valid one is applied as a whole; one that is
// invalid or needs a restart is reported, and the running configuration stays.
import { ConfigError, configFile, loadGatewayConfig, type GatewayConfig } from "./config/config.ts";
import { watchConfigFile } from "./config/file/watch-config-file.ts";
import { configWarnings } from "./config/warnings.ts";
import type { ApplyResult } from "./gateway.ts";
import { PAGE_RULES } from "./http/spa-files.ts";
import { describeError, type Log } from "./logging/log.ts";
import type { CheckResult, ReadinessCheck } from "./metrics/dependency-check.ts";
import type { ReloadOutcome } from "./metrics/reload-metrics.ts";

type Dependencies = {
  initial: GatewayConfig;
  /** Applies a valid configuration in all processes of the instance, or in none. */
  apply: (next: GatewayConfig) => Promise<ApplyResult>;
  log: Pick<Log, "info" | "warn" | "error">;
  onOutcome: (outcome: ReloadOutcome) => void;
};

const RETRY_MS = 2_000;

/** @throws ConfigError, also for an application whose pages cannot be served */
export function loadCheckedConfig(): GatewayConfig {
  return loadGatewayConfig(undefined, undefined, PAGE_RULES);
}

/**
 * Without a configuration file it does nothing: SIGHUP keeps its default action, which ends the process.
 * @returns the check of /readyz that shows a rejected file
 */
export function reloadOnChange(dependencies: Dependencies): ReadinessCheck[] {
  if (configFile() === undefined) return [];
  const reload = createReload(dependencies);
  const request = serialize(reload.run);
  process.on("SIGHUP", request);
  watchConfigFile(reload.files, request);
  return [{ name: "configuration", check: async () => reload.result() }];
}

function createReload({ initial, apply, log, onOutcome }: Dependencies) {
  let running = initial;
  let { files } = initial;
  let rejection: string | undefined;

  const reject = (reasons: readonly string[]): void => {
    rejection = reasons[0];
    for (const reason of reasons) log.error("configuration rejected, the running one remains in use", { reason });
    onOutcome("rejected");
  };
  const load = (): GatewayConfig | undefined => {
    try {
      return loadCheckedConfig();
    } catch (error) {
      if (!(error instanceof ConfigError)) {
        reject([`The file cannot be loaded: ${describeError(error)}`]);
        return undefined;
      }
      // A fault may be in a file that the running configuration does not reference.
      files = [...new Set([...running.files, ...error.files])];
      reject(error.faults);
      return undefined;
    }
  };
  return {
    files: () => files,
    result: (): CheckResult =>
      rejection === undefined
        ? { status: "ok" }
        : { status: "degraded", detail: `The configuration file was rejected: ${rejection}` },
    /** @returns whether to repeat it, because a worker did not respond */
    async run(): Promise<boolean> {
      const next = load();
      if (next === undefined) return false;
      files = next.files;
      if (next.hash === running.hash) {
        rejection = undefined;
        log.info("configuration unchanged", { configuration: next.hash });
        return false;
      }
      const result = await apply(next).catch((error: unknown): ApplyResult => {
        return { kind: "rejected", reasons: [`The file cannot be applied: ${describeError(error)}`] };
      });
      if (result.kind === "rejected") {
        reject(result.reasons);
        return result.isTransient === true;
      }
      running = next;
      rejection = undefined;
      onOutcome("applied");
      log.info("configuration applied", { configuration: next.hash, reason: inWords(result) });
      for (const warning of next.server.warnings) log.warn(warning);
      for (const each of next.applications) for (const warning of configWarnings(each)) log.warn(warning);
      return false;
    },
  };
}

/** Requests that arrive during a reload cause one more. */
function serialize(run: () => Promise<boolean>): () => void {
  let isRunning = false;
  let isRequested = false;
  const start = async (): Promise<void> => {
    isRunning = true;
    while (isRequested) {
      isRequested = false;
      if (await run()) setTimeout(request, RETRY_MS).unref();
    }
    isRunning = false;
  };
  function request(): void {
    isRequested = true;
    if (!isRunning) void start();
  }
  return request;
}

function inWords({ added, changed, removed }: Extract<ApplyResult, { kind: "applied" }>): string {
  const parts = Object.entries({ added, changed, removed }).filter(([, ids]) => ids.length > 0);
  return parts.map(([what, ids]) => `${what}: ${ids.join(", ")}`).join("; ");
}
