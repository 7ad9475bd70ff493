// Lint, types and format: all three run, also when the first one finds something.
import { spawnSync } from "node:child_process";
import { bin } from "@cloakroom/testkit/bin.ts";

const WORKSPACES = ["bff", "packages/testing", "demo", "spa", "e2e", "e2e-keycloak", "deploy", "testkit", "tools"];

export type CheckResult = { name: string; passed: boolean };

export function runChecks(): CheckResult[] {
  return [
    check("lint", "oxlint", ["--type-aware", "."]),
    ...[".", ...WORKSPACES].map((folder) => check(`types of ${folder}`, "tsc", ["-p", folder])),
    check("format", "oxfmt", ["--check", "."]),
  ];
}

function check(name: string, tool: string, args: readonly string[]): CheckResult {
  const passed = spawnSync(bin(tool), args, { stdio: "inherit" }).status === 0;
  console.log(`${passed ? "ok" : "FAILED"}  ${name}`);
  return { name, passed };
}

if (import.meta.main) process.exitCode = runChecks().every(({ passed }) => passed) ? 0 : 1;
