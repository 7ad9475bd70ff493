// Child process with an explicit environment, a readiness check with a timeout, and SIGKILL after a stop timeout.
import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";

export type RunningProcess = {
  /** stdout and stderr, at most the last 8,000,000 characters. */
  output: () => string;
  /** Sends `signal` (default SIGTERM), after 30 s SIGKILL; resolves when the process has exited. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
};

export type ProcessOptions = {
  name: string;
  program: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** uid and gid, for programs that do not run as root. */
  userId?: number;
  isReady: () => Promise<boolean>;
  readyTimeoutMs?: number;
};

const maxOutputChars = 8_000_000;
const stopTimeoutMs = 30_000;

/** @throws Error with the last lines of output if the process exits or is not ready in time */
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
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  const hasExited = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  if (child.pid !== undefined) {
    const release = killWithParent(child.pid);
    void exited.then(release);
  }
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (hasExited()) return;
    child.kill(signal);
    const killTimer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await exited;
    clearTimeout(killTimer);
  };
  const deadline = Date.now() + readyTimeoutMs;
  while (!(await isReady().catch(() => false))) {
    if (!hasExited() && Date.now() < deadline) {
      await wait(100);
      continue;
    }
    const reason = hasExited()
      ? `exited with ${child.exitCode ?? child.signalCode ?? "no process"}`
      : "was not ready in time";
    await stop("SIGKILL");
    throw new Error(`${name} ${reason}.\n${output.trim().split("\n").slice(-15).join("\n")}`);
  }
  return { output: () => output, stop };
}

/** Whether a GET request gets a 2xx response within 5 s. */
export async function respondsOk(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok;
}
