// The gateway as a child process: started with only the environment it needs, ready or failed within a bound.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { tether } from "./tether.ts";

export type GatewayProcess = {
  /** Everything it has written, of all its lives. */
  output: () => string;
  pid: () => number | undefined;
  /** Resolves when the process has ended, or at once for a signal that does not end it. */
  kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Drains, ends and starts again, with these settings changed; resolves when ready. */
  restart: (env?: Record<string, string>) => Promise<void>;
  /** SIGTERM, and SIGKILL for one that does not listen. */
  stop: () => Promise<void>;
};

export type GatewayOptions = {
  /** The file to run; absent: the gateway's. A test of a broken build names another. */
  entry?: string;
  env: Record<string, string>;
  managementOrigin: string;
  /** Given up when it is not ready by then. */
  readyWithinMs?: number;
  onLine?: (line: string) => void;
  /** Called when it ends without having been asked to. */
  onUnexpectedExit?: (how: string) => void;
};

/** The gateway did not start; the message holds what it said. */
export class GatewayStartError extends Error {
  override readonly name = "GatewayStartError";
}

const GATEWAY_ENTRY = fileURLToPath(import.meta.resolve("@cloakroom/gateway/src/main.ts"));
const readyInAnyCaseMs = 15_000;
const stopTimeoutMs = 15_000;
const maxOutputChars = 64 * 1024 * 1024;

export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  let { env } = options;
  let output = "";
  const askedToEnd = new WeakSet<ChildProcess>();
  const onLine = (line: string) => {
    output = `${output}${line}\n`.slice(-maxOutputChars);
    options.onLine?.(line);
  };
  const begin = async (): Promise<ChildProcess> => {
    const started = await beginLife({ ...options, env, onLine });
    started.once("exit", (code, signal) => {
      if (!askedToEnd.has(started)) options.onUnexpectedExit?.(String(code ?? signal));
    });
    return started;
  };
  let child = await begin();
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (signal !== "SIGTERM" && signal !== "SIGKILL" && signal !== "SIGINT") return void child.kill(signal);
    askedToEnd.add(child);
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
      child = await begin();
    },
  };
}

type Life = GatewayOptions & { onLine: (line: string) => void };

/** @throws GatewayStartError with what this life of the gateway said */
async function beginLife({
  entry = GATEWAY_ENTRY,
  env,
  managementOrigin,
  readyWithinMs,
  onLine,
}: Life): Promise<ChildProcess> {
  let said: string[] | undefined = [];
  const child = spawnGateway(entry, env, (line) => {
    said?.push(line);
    onLine(line);
  });
  // Its last words may arrive after its end.
  const silent = new Promise((resolve) => void child.once("close", resolve));
  try {
    await untilReady(child, managementOrigin, readyWithinMs);
  } catch (cause) {
    await endProcess(child, "SIGKILL");
    await silent;
    throw new GatewayStartError([...said, (cause as Error).message].join("\n"), { cause });
  }
  said = undefined;
  return child;
}

function spawnGateway(entry: string, env: Record<string, string>, onLine: (line: string) => void): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", entry], {
    env: { ...inherited(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A Ctrl-C in the terminal goes to the launcher only, which stops its parts in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", onLine);
  if (child.pid !== undefined) {
    const untie = tether(child.pid);
    child.once("exit", untie);
  }
  return child;
}

/** Windows cannot open a socket without SystemRoot; the other is how a machine says which authorities it trusts. */
function inherited(): Record<string, string> {
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
  const giveUp = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(giveUp);
}

async function untilReady(
  child: ChildProcess,
  managementOrigin: string,
  withinMs: number = readyInAnyCaseMs,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  let lastAnswer = "no answer";
  while (child.exitCode === null && child.signalCode === null) {
    lastAnswer = await readiness(managementOrigin);
    if (lastAnswer === "ready") return;
    if (Date.now() > deadline) throw new Error(`The gateway was not ready after ${withinMs / 1000} s: ${lastAnswer}`);
    await wait(25);
  }
  throw new Error(`The gateway ended with ${child.exitCode ?? child.signalCode}.`);
}

async function readiness(managementOrigin: string): Promise<string> {
  try {
    const response = await fetch(`${managementOrigin}/readyz`, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? "ready" : failuresIn(await response.text());
  } catch {
    return "no answer";
  }
}

type Readiness = { checks?: Record<string, { status?: string; detail?: string }> };

/** What keeps it from being ready, in its own words; what is merely degraded does not. */
function failuresIn(body: string): string {
  try {
    const { checks = {} } = JSON.parse(body) as Readiness;
    const failed = Object.entries(checks).filter(([, { status }]) => status === "failed");
    return failed.map(([name, { detail }]) => detail ?? name).join("; ") || body;
  } catch {
    return body;
  }
}
