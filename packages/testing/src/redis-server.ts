// A Redis or Valkey server process on a free loopback port, without persistence. Ends with this process.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { killWithParent } from "./kill-with-parent.ts";

export type RedisServer = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** SIGTERM; resolves when the process has ended. */
  stop: () => Promise<void>;
  /** SIGSTOP: connections stay open without responses. */
  pause: () => void;
  resume: () => void;
  /** SIGKILL; resolves when the process has ended. */
  kill: () => Promise<void>;
};

const startTimeoutMs = 5_000;

/** @returns the path of redis-server or valkey-server; undefined if neither is on PATH */
export function findRedisBinary(path: string = process.env["PATH"] ?? ""): string | undefined {
  const candidates = ["redis-server", "valkey-server"].flatMap((name) =>
    path.split(delimiter).map((folder) => join(folder, name)),
  );
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export async function startRedisServer({
  port: requestedPort,
  args = [],
}: { port?: number; args?: string[] } = {}): Promise<RedisServer> {
  const binary = findRedisBinary();
  if (binary === undefined)
    throw new Error("No redis-server or valkey-server on PATH. Install one (Debian: apt-get install redis-server).");
  const { child, pid, ended, port } =
    requestedPort === undefined ? await spawnOnFreePort(binary, args) : await spawnRedis(binary, requestedPort, args);
  const release = killWithParent(pid);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    // A stopped process handles SIGTERM only after SIGCONT.
    if (signal === "SIGTERM") child.kill("SIGCONT");
    child.kill(signal);
    await ended;
    release();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid,
    stop: () => end("SIGTERM"),
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    kill: () => end("SIGKILL"),
  };
}

type RedisProcess = { child: ChildProcess; pid: number; ended: Promise<void>; port: number };

/** Another process can take the port before Redis binds it. */
async function spawnOnFreePort(binary: string, args: readonly string[]): Promise<RedisProcess> {
  const spawnOnce = async () => spawnRedis(binary, await freePort(), args);
  return spawnOnce().catch((error: unknown) => {
    if (error instanceof Error && error.message.includes("Address already in use")) return spawnOnce();
    throw error;
  });
}

async function spawnRedis(binary: string, port: number, args: readonly string[]): Promise<RedisProcess> {
  const child = spawn(binary, [...serverArguments(port), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    // Not in the terminal's process group: on Ctrl-C the launcher stops its children in order.
    detached: true,
    env: {},
  });
  const ended = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => (output = (output + text.toString()).slice(-4_000)));
  try {
    await once(child, "spawn");
    await waitUntilReady(child, port);
  } catch (cause) {
    child.kill("SIGKILL");
    throw new Error(`${binary} did not start on port ${port}.\n${output.trim()}`, { cause });
  }
  return { child, pid: child.pid ?? 0, ended, port };
}

/** `noeviction`, since an evicted session would be a logout. */
const serverArguments = (port: number): string[] =>
  Object.entries({
    port: String(port),
    bind: "127.0.0.1",
    save: "",
    appendonly: "no",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
  }).flatMap(([name, value]) => [`--${name}`, value]);

async function waitUntilReady(child: ChildProcess, port: number): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (child.exitCode === null && child.signalCode === null) {
    if (await isReady(port)) return;
    if (Date.now() > deadline) throw new Error("no response to PING");
    await wait(20);
  }
  throw new Error(`exited with code ${child.exitCode}`);
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const done = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    // An error response such as -NOAUTH also means that the server is up.
    socket.once("data", (bytes) => done(/^[+-]/.test(bytes.toString("latin1")) && !bytes.includes("LOADING")));
    socket.once("error", () => done(false));
    socket.setTimeout(1_000, () => done(false));
  });
}
