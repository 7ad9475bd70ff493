// A program that a test starts: it does not outlive the test's process and is ended by its id.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { tether } from "../../../demo/src/tether.ts";

export type Program = {
  readonly child: ChildProcess;
  /** Everything that it has written. */
  output: () => string;
  /** Calls back for each line, those already written included. */
  onLine: (callback: (line: string) => void) => void;
  hasEnded: () => boolean;
  /** SIGTERM to the program and what it has started in its process group; SIGKILL for one that does not end on it. */
  stop: () => Promise<void>;
};

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

export function startProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const untie = child.pid === undefined ? () => undefined : tether(child.pid);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const lines: string[] = [];
  const callbacks: ((line: string) => void)[] = [(line) => lines.push(line)];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => callbacks.forEach((callback) => callback(line)));
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    hasEnded,
    output: () => lines.join("\n"),
    onLine: (callback) => {
      lines.forEach(callback);
      callbacks.push(callback);
    },
    stop: async () => {
      endGroup(child, "SIGTERM");
      const giveUp = setTimeout(() => endGroup(child, "SIGKILL"), stopTimeoutMs);
      await ended;
      clearTimeout(giveUp);
      untie();
    },
  };
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    // The program was started as the leader of a group of its own.
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** @throws Error with what the program wrote, when it ends first or takes too long */
export async function firstLine(program: Program, isWanted: (line: string) => boolean): Promise<string> {
  let found: string | undefined;
  program.onLine((line) => (found ??= isWanted(line) ? line : undefined));
  await until(async () => found !== undefined, program);
  return found ?? "";
}

/** @throws Error with what the program wrote, when it ends first or takes too long */
export async function until(isDone: () => Promise<boolean>, program: Program): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await isDone())) {
    if (program.hasEnded() || Date.now() > deadline) {
      await program.stop();
      throw new Error(`${program.child.spawnfile} did not start.\n${program.output()}`);
    }
    await wait(20);
  }
}
