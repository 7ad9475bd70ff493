// A server of the rehearsal: started with nothing but its own environment, ready or failed within a bound, ended by us.
import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { tether } from "../../demo/src/tether.ts";

export type RunningProcess = {
  /** What it has written. */
  output: () => string;
  /** SIGTERM; resolves when it is gone. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
};

export type ProcessOptions = {
  name: string;
  program: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Another user, for programs that refuse to be root. */
  userId?: number;
  isReady: () => Promise<boolean>;
  readyTimeoutMs?: number;
};

const maxOutputChars = 8_000_000;
const stopTimeoutMs = 30_000;

/** @throws Error with its last words */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { name, program, args, env, userId, isReady, readyTimeoutMs = 30_000 } = options;
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    ...(userId === undefined ? {} : { uid: userId, gid: userId }),
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-maxOutputChars)));
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  if (child.pid !== undefined) {
    const untie = tether(child.pid);
    void ended.then(untie);
  }
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (hasEnded()) return;
    child.kill(signal);
    const giveUp = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await ended;
    clearTimeout(giveUp);
  };
  const deadline = Date.now() + readyTimeoutMs;
  while (!(await isReady().catch(() => false))) {
    if (!hasEnded() && Date.now() < deadline) {
      await wait(100);
      continue;
    }
    const how = hasEnded()
      ? `ended with ${child.exitCode ?? child.signalCode ?? "no process"}`
      : "was not ready in time";
    await stop("SIGKILL");
    throw new Error(`${name} ${how}.\n${output.trim().split("\n").slice(-15).join("\n")}`);
  }
  return { output: () => output, stop };
}

/** Whether an address answers 2xx. */
export async function answersOk(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok;
}
