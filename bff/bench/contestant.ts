// One server under measurement, as a process of its own that can be asked for its CPU time and memory.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { freePort } from "../../demo/src/free-port.ts";

export type Usage = { cpuMicroseconds: number; rssBytes: number };
export type Contestant = { name: string; origin: string; usage(): Promise<Usage>; stop(): Promise<void> };

type Start = {
  name: string;
  file: string;
  env: Record<string, string>;
  /** Resolves when it answers; default: it says "ready". */
  until?: (origin: string) => Promise<void>;
};

export async function startContestant({ name, file, env, until }: Start): Promise<Contestant> {
  const port = Number(env["PORT"] ?? (await freePort()));
  const child = fork(resolve(import.meta.dirname, file), {
    execArgv: [
      ...(name === "Cloakroom" && process.env["X_ARGS"] ? process.env["X_ARGS"].split(" ") : []),
      "--import",
      join(import.meta.dirname, "report-usage.ts"),
      ...profiling(name),
    ],
    env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "production", ...env, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const origin = `http://localhost:${port}`;
  await (until?.(origin) ?? said(child, "ready"));
  return {
    name,
    origin,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill();
      await gone;
    },
    usage: async () => {
      const reply = said(child);
      child.send("usage");
      return (await reply) as Usage;
    },
  };
}

/** BENCH_PROFILE=folder writes a CPU profile of every contestant there, to be opened in a browser's developer tools. */
function profiling(name: string): string[] {
  const folder = process.env["BENCH_PROFILE"];
  return folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(folder, name)}`];
}

function said(child: ChildProcess, expected?: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`${child.spawnfile} ended with code ${code}`));
    child.once("exit", gone);
    child.on("message", function hear(message) {
      if (expected !== undefined && message !== expected) return;
      child.off("message", hear).off("exit", gone);
      resolve(message);
    });
  });
}
