// The gateway as a child process: start, check of the configuration, graceful stop. Ends with this process.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
// By default: older versions of Node lack its `findPackageJSON`, and must reach the check of the version.
import nodeModule from "node:module";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

export type GatewayProcess = {
  readonly pid: number | undefined;
  readonly port: number;
  /** SIGTERM, then SIGKILL after a timeout. Resolves when the process has ended. */
  stop(): Promise<void>;
};

type ProcessOptions = {
  /** Working directory: relative paths in messages refer to it. */
  root: string;
  env: Readonly<Record<string, string | undefined>>;
};

export type StartOptions = ProcessOptions & {
  onLine(line: string): void;
  /** The process has ended without `stop`. @param status exit code or signal */
  onExit(status: string): void;
};

/** The gateway did not start. The message contains its output. */
export class GatewayStartError extends Error {
  override readonly name = "GatewayStartError";
}

const EXIT_CONFIG = 78;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 5_000;
const pollMs = 25;
const attempts = 3;
const maxStartupLines = 200;
const HOST = "127.0.0.1";

/** Ends the process when the IPC channel to its parent closes, which also happens when the parent is killed. */
const END_WITH_PARENT = `data:text/javascript,${encodeURIComponent(`
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// The listener alone would keep a finished command running.
process.channel?.unref();
`)}`;

/** @throws GatewayStartError */
export async function startGatewayProcess(options: StartOptions): Promise<GatewayProcess> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await startOnce(options);
    } catch (error) {
      // Another process can take a port between the choice and the start.
      const isPortTaken = error instanceof GatewayStartError && error.message.includes("is taken by another process");
      if (!isPortTaken || attempt === attempts) throw error;
    }
}

async function startOnce({ root, env, onLine, onExit }: StartOptions): Promise<GatewayProcess> {
  const [port, managementPort] = await freePorts();
  const listeners = { HOST, PORT: String(port), MANAGEMENT_HOST: HOST, MANAGEMENT_PORT: String(managementPort) };
  const child = spawnCommand("start", [], { root, env: { ...env, ...listeners } });
  let startupLines: string[] | undefined = [];
  let isExpected = false;
  forEachLine(child, (line) => {
    if (startupLines === undefined) onLine(line);
    else if (startupLines.length < maxStartupLines) startupLines.push(line);
  });
  // Output may arrive after the exit event.
  const closed = once(child, "close");
  try {
    await waitUntilListening(child, managementPort);
  } catch (cause) {
    await endProcess(child, "SIGKILL");
    await closed;
    throw new GatewayStartError([...startupLines, (cause as Error).message].join("\n"), { cause });
  }
  for (const line of startupLines) onLine(line);
  startupLines = undefined;
  child.once("exit", (code, signal) => {
    if (!isExpected) onExit(String(code ?? signal));
  });
  return {
    pid: child.pid,
    port,
    async stop() {
      isExpected = true;
      await endProcess(child, "SIGTERM");
    },
  };
}

export type CheckedConfiguration =
  | { kind: "valid"; origins: readonly string[]; prefixes: readonly string[] }
  | { kind: "invalid"; faults: readonly string[] };

type CheckOutput =
  | { valid: false; faults: string[] }
  | { valid: true; applications: { origin: string; rows: { prefix: string }[] }[] };

/** Runs `cloakroom check`. */
export async function checkConfiguration(options: ProcessOptions): Promise<CheckedConfiguration> {
  const child = spawnCommand("check", ["--json"], options);
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0 && status !== EXIT_CONFIG)
    return { kind: "invalid", faults: [errors.trim() || `cloakroom check ended with ${status}.`] };
  const checked = JSON.parse(output) as CheckOutput;
  if (!checked.valid) return { kind: "invalid", faults: checked.faults };
  return {
    kind: "valid",
    origins: checked.applications.map(({ origin }) => origin),
    prefixes: checked.applications.flatMap(({ rows }) => rows.map(({ prefix }) => prefix)),
  };
}

function spawnCommand(command: string, args: readonly string[], { root, env }: ProcessOptions): ChildProcess {
  const node = ["--disable-warning=ExperimentalWarning", "--import", END_WITH_PARENT];
  return spawn(process.execPath, [...node, gatewayBinary(), command, ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // On Windows a console window would open.
    windowsHide: true,
  });
}

/** The package does not export its package.json. */
function gatewayBinary(): string {
  const manifest = nodeModule.findPackageJSON("@cloakroom/gateway", import.meta.url);
  if (manifest === undefined) throw new GatewayStartError("The package @cloakroom/gateway is not installed.");
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: { cloakroom: string } };
  return join(dirname(manifest), bin.cloakroom);
}

function forEachLine(child: ChildProcess, callback: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", callback);
}

/** Listening, not ready: with a provider that does not respond the gateway starts and reports it. */
async function waitUntilListening(child: ChildProcess, managementPort: number): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs;
  while (child.exitCode === null && child.signalCode === null) {
    if (await isAlive(managementPort)) return;
    if (performance.now() > deadlineMs) throw new Error(`The gateway did not listen after ${startTimeoutMs / 1000} s.`);
    await wait(pollMs);
  }
  throw new Error(`The gateway ended with ${child.exitCode ?? child.signalCode}.`);
}

async function isAlive(managementPort: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const response = await fetch(`http://${HOST}:${managementPort}/livez`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  const killTimer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(killTimer);
}

/** Two ports that no process listens on. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, HOST);
      await once(server, "listening");
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
  return [ports[0] ?? 0, ports[1] ?? 0];
}
