// Starts a server of the benchmark and waits for its first response. The server ends with the benchmark.
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import type { Running } from "./contestant.ts";

const START_MS = 20_000;

type NodeServer = {
  name: string;
  /** Path relative to the repository, or an absolute path. */
  file: string;
  port: number;
  /** A name without a value is not set. */
  env: Record<string, string | undefined>;
};

/**
 * BENCH_PROFILE=folder: every Node server writes a CPU profile into the folder.
 * BENCH_NODE_ARGS: further arguments for Node, for example --perf-basic-prof.
 */
export function startNode({ name, file, port, env }: NodeServer): Promise<Running> {
  const folder = process.env["BENCH_PROFILE"];
  const child = fork(resolve(import.meta.dirname, "../..", file), {
    execArgv: [
      ...(process.env["BENCH_NODE_ARGS"]?.split(" ") ?? []),
      ...(folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(folder, name)}`]),
    ],
    env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "production", ...env, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return running(child, name, port);
}

export function startProgram(name: string, command: readonly [string, ...string[]], port: number): Promise<Running> {
  const [file, ...args] = command;
  return running(spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] }), name, port);
}

async function running(child: ChildProcess, name: string, port: number): Promise<Running> {
  const origin = `http://localhost:${port}`;
  let errorOutput = "";
  child.stderr?.on("data", (text: Buffer) => (errorOutput = (errorOutput + text.toString()).slice(-1_000)));
  const gone = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no process`);
  const release = killWithParent(pid);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await gone;
    clearTimeout(killer);
    release();
  };
  const endsAt = Date.now() + START_MS;
  while (!(await isListening(origin))) {
    if (child.exitCode !== null || Date.now() > endsAt) {
      await stop();
      throw new Error(`${name} does not start: ${errorOutput.trim() || "no response"}`);
    }
    await sleep(50);
  }
  return { origin, pid, stop };
}

/** Any response counts, also an error. */
async function isListening(origin: string): Promise<boolean> {
  try {
    const { body } = await request(`${origin}/api/protected`, { headersTimeout: 1_000 });
    await body.dump();
    return true;
  } catch {
    return false;
  }
}
