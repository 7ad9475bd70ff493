// Child processes of the tests: tied to the test process, stopped by process group.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";

export type Program = {
  readonly child: ChildProcess;
  /** stdout and stderr so far. */
  output: () => string;
  /** Calls back for each line, including lines already written. */
  onLine: (callback: (line: string) => void) => void;
  hasExited: () => boolean;
  /** Sends SIGTERM to the process group, and SIGKILL after 10 s. */
  stop: () => Promise<void>;
};

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

/** @param cwd default: the current folder */
export function startProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd?: string,
): Program {
  const child = spawn(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const release = child.pid === undefined ? () => undefined : killWithParent(child.pid);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const lines: string[] = [];
  const callbacks: ((line: string) => void)[] = [(line) => lines.push(line)];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => callbacks.forEach((callback) => callback(line)));
  const hasExited = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    hasExited,
    output: () => lines.join("\n"),
    onLine: (callback) => {
      lines.forEach(callback);
      callbacks.push(callback);
    },
    stop: async () => {
      signalGroup(child, "SIGTERM");
      const killTimer = setTimeout(() => signalGroup(child, "SIGKILL"), stopTimeoutMs);
      await ended;
      clearTimeout(killTimer);
      release();
    },
  };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    // The program was started detached, so its pid is the process group's id.
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits for a line of output. @throws Error with the output, if the program exits first or after 60 s */
export async function waitForLine(program: Program, isMatch: (line: string) => boolean): Promise<string> {
  let found: string | undefined;
  program.onLine((line) => (found ??= isMatch(line) ? line : undefined));
  await waitUntil(async () => found !== undefined, program);
  return found ?? "";
}

/** Polls a condition. @throws Error with the output, if the program exits first or after 60 s */
export async function waitUntil(isDone: () => Promise<boolean>, program: Program): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await isDone())) {
    if (program.hasExited() || Date.now() > deadline) {
      await program.stop();
      throw new Error(`${program.child.spawnfile} did not start.\n${program.output()}`);
    }
    await wait(20);
  }
}
