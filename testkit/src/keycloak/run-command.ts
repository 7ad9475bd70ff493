// Runs a program to completion and returns its exit code and output (at most the last 16,000 characters).
import { spawn } from "node:child_process";

export type CommandResult = { code: number | null; output: string };

/** @returns code null if the program does not exist */
export function runCommand(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-16_000)));
    child.once("error", () => resolve({ code: null, output }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
