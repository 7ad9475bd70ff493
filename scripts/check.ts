// npm run check: lint, types, format, language, changelog and commit subjects. All of them run even if one fails.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";

type Check = { name: string; command: string; args: readonly string[] };
export type CheckResult = { name: string; passed: boolean };

const CHECKS: readonly Check[] = [
  { name: "lint", command: bin("oxlint"), args: ["--type-aware", "."] },
  // One program per set of type libraries: a program per workspace checks shared sources several times.
  { name: "types of the Node workspaces", command: bin("tsc"), args: ["-p", "."] },
  { name: "types of the browser tests and the testkit", command: bin("tsc"), args: ["-p", "e2e"] },
  { name: "types of the app", command: bin("tsc"), args: ["-p", "spa"] },
  { name: "format", command: bin("oxfmt"), args: ["--check", "."] },
  { name: "language", command: process.execPath, args: [join(ROOT, "scripts/language.ts")] },
  { name: "changelog", command: process.execPath, args: [join(ROOT, "scripts/changelog.ts")] },
  { name: "commit subjects", command: process.execPath, args: [join(ROOT, "scripts/commit-subjects.ts")] },
];

/** Runs the checks in parallel and prints the output of each when it ends. */
export async function runChecks(): Promise<CheckResult[]> {
  const queue = CHECKS.values();
  const results: CheckResult[] = [];
  const work = async () => {
    for (const check of queue) results.push(await runCheck(check));
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
  return results;
}

function runCheck({ name, command, args }: Check): Promise<CheckResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", (error) => (output += error.message));
    child.once("close", (status) => {
      const passed = status === 0;
      if (!passed) process.stdout.write(output);
      console.log(`${passed ? "ok" : "FAILED"}  ${name}`);
      resolve({ name, passed });
    });
  });
}

if (import.meta.main) process.exitCode = (await runChecks()).every(({ passed }) => passed) ? 0 : 1;
