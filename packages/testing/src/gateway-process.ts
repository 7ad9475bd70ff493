// The gateway as a child process with a minimal environment. The start resolves when the gateway is ready.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { findGatewayCommand } from "./gateway-command.ts";
import { killWithParent } from "./kill-with-parent.ts";

export type GatewayProcess = {
  /** stdout and stderr of all processes since the first start. */
  output: () => string;
  pid: () => number | undefined;
  /** Resolves when the process has ended, or at once for a signal that does not end it, such as SIGSTOP. */
  kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Graceful restart with changed settings; resolves when the gateway is ready. */
  restart: (env?: Record<string, string>) => Promise<void>;
  /** SIGTERM, then SIGKILL after a timeout. */
  stop: () => Promise<void>;
};

export type GatewayOptions = {
  /** The file to run. Default: `cloakroom start` of the installed gateway. */
  entry?: string;
  env: Record<string, string>;
  managementOrigin: string;
  /** Readiness timeout. */
  readyWithinMs?: number;
  onLine?: (line: string) => void;
  /** @param status exit code or signal */
  onUnexpectedExit?: (status: string) => void;
};

/** The gateway did not start. The message contains its output. */
export class GatewayStartError extends Error {
  override readonly name = "GatewayStartError";
}

const defaultReadyTimeoutMs = 15_000;
const stopTimeoutMs = 15_000;
const maxOutputChars = 64 * 1024 * 1024;

export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  let { env } = options;
  let output = "";
  const stopping = new WeakSet<ChildProcess>();
  const onLine = (line: string) => {
    output = `${output}${line}\n`.slice(-maxOutputChars);
    options.onLine?.(line);
  };
  const start = async (): Promise<ChildProcess> => {
    const started = await startProcess({ ...options, env, onLine });
    started.once("exit", (code, signal) => {
      if (!stopping.has(started)) options.onUnexpectedExit?.(String(code ?? signal));
    });
    return started;
  };
  let child = await start();
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (signal !== "SIGTERM" && signal !== "SIGKILL" && signal !== "SIGINT") return void child.kill(signal);
    stopping.add(child);
    await endProcess(child, signal);
  };
  return {
    output: () => output,
    pid: () => child.pid,
    kill,
    stop: () => kill("SIGTERM"),
    restart: async (changes = {}) => {
      await kill("SIGTERM");
      env = { ...env, ...changes };
      child = await start();
    },
  };
}

type StartOptions = GatewayOptions & { onLine: (line: string) => void };

/** @throws GatewayStartError with the output of this process */
async function startProcess({
  entry,
  env,
  managementOrigin,
  readyWithinMs,
  onLine,
}: StartOptions): Promise<ChildProcess> {
  let startupLines: string[] | undefined = [];
  const program = entry === undefined ? [findGatewayCommand(), "start"] : [entry];
  const child = spawnGateway(program, env, (line) => {
    startupLines?.push(line);
    onLine(line);
  });
  // Output may arrive after the exit event.
  const closed = new Promise((resolve) => void child.once("close", resolve));
  try {
    await waitUntilReady(child, managementOrigin, readyWithinMs);
  } catch (cause) {
    await endProcess(child, "SIGKILL");
    await closed;
    throw new GatewayStartError([...startupLines, (cause as Error).message].join("\n"), { cause });
  }
  startupLines = undefined;
  return child;
}

function spawnGateway(
  program: readonly string[],
  env: Record<string, string>,
  onLine: (line: string) => void,
): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...program], {
    env: { ...inheritedEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // Not in the terminal's process group: on Ctrl-C the launcher stops its children in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", onLine);
  if (child.pid !== undefined) {
    const release = killWithParent(child.pid);
    child.once("exit", release);
  }
  return child;
}

/** Sockets on Windows require SystemRoot; NODE_EXTRA_CA_CERTS holds the machine's certificate authorities. */
function inheritedEnv(): Record<string, string> {
  const names = ["SystemRoot", "NODE_EXTRA_CA_CERTS"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  const killTimer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(killTimer);
}

async function waitUntilReady(
  child: ChildProcess,
  managementOrigin: string,
  withinMs: number = defaultReadyTimeoutMs,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  let lastStatus = "no response";
  while (child.exitCode === null && child.signalCode === null) {
    lastStatus = await fetchReadiness(managementOrigin);
    if (lastStatus === "ready") return;
    if (Date.now() > deadline) throw new Error(`The gateway was not ready after ${withinMs / 1000} s: ${lastStatus}`);
    await wait(25);
  }
  throw new Error(`The gateway exited with ${child.exitCode ?? child.signalCode}.`);
}

/** @returns "ready" or why the gateway is not ready */
async function fetchReadiness(managementOrigin: string): Promise<string> {
  try {
    const response = await fetch(`${managementOrigin}/readyz`, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? "ready" : describeFailedChecks(await response.text());
  } catch {
    return "no response";
  }
}

type Readiness = { checks?: Record<string, { status?: string; detail?: string }> };

/** The details of the failed checks; degraded checks do not prevent readiness. */
function describeFailedChecks(body: string): string {
  try {
    const { checks = {} } = JSON.parse(body) as Readiness;
    const failed = Object.entries(checks).filter(([, { status }]) => status === "failed");
    return failed.map(([name, { detail }]) => detail ?? name).join("; ") || body;
  } catch {
    return body;
  }
}
