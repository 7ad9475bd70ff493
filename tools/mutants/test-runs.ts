// Runs tests of a breakable copy in its test server.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { BreakableCopy } from "../breakable-copy.ts";
import type { RunResult } from "./failure.ts";
import type { RunRequest } from "./test-server.ts";

const RUN_TIMEOUT_MS = 300_000;

export type TestRuns = {
  /** The next run reads the source file anew. Paths are from bff/. */
  markChanged: (file: string) => void;
  /** Runs the tests until the first failure. */
  run: (tests: readonly string[]) => Promise<RunResult>;
  close: () => void;
};

export function createTestRuns({ folder }: BreakableCopy): TestRuns {
  let server: ChildProcess | undefined;
  const changed = new Set<string>();
  const path = (file: string) => join(folder, "bff", file);

  const start = async (): Promise<ChildProcess | undefined> => {
    const program = join(folder, "tools/mutants/test-server.ts");
    server = fork(program, { cwd: folder, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    return (await nextMessage(server)) === undefined ? undefined : server;
  };

  const run = async (tests: readonly string[]): Promise<RunResult> => {
    const current = server ?? (await start());
    const request: RunRequest = { changed: [...changed], tests: tests.map(path) };
    changed.clear();
    current?.send(request);
    const result = current && ((await nextMessage(current)) as RunResult | undefined);
    if (result !== undefined) return result;
    server?.kill("SIGKILL");
    server = undefined;
    return { passedTests: 0, failure: { kind: "no end", where: "", message: "Vitest sent no result" } };
  };

  return { markChanged: (file) => changed.add(path(file)), run, close: () => server?.disconnect() };
}

/** @returns undefined when the process ends first, or sends nothing within RUN_TIMEOUT_MS */
async function nextMessage(server: ChildProcess): Promise<unknown> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(RUN_TIMEOUT_MS)]);
  const message = once(server, "message", { signal }).then(([first]: unknown[]) => first);
  const exit = once(server, "exit", { signal }).then(() => undefined);
  return Promise.race([message, exit])
    .catch(() => undefined)
    .finally(() => done.abort());
}
