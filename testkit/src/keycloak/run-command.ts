// One program, run to its end: its exit code and what it said.
import { spawn } from "node:child_process";

export type Finished = { code: number | null; output: string };

/** @returns code null where there is no such program */
export function runCommand(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-16_000)));
    child.once("error", () => resolve({ code: null, output }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
