// Faults of the release commands that a message explains: the message without a stack, and exit code 1.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { expect, test } from "vitest";
import { runCommandLine } from "../release/run-command-line.ts";

test.each([
  [[], "--repository=HOST/PATH is required, for example registry.example.com/team/cloakroom-gateway."],
  [["--repository=registry.example.com/Team"], "--repository=registry.example.com/Team: lower case, without a tag."],
  // Of Node's parseArgs.
  [["--repositroy=host/path"], "Unknown option '--repositroy'"],
])("release:image with %j explains the fault without a stack", (args, message) => {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts/release/image.ts"), ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect([status, stderr.trim()]).toEqual([1, message]);
});

test("a release command without a fault leaves the exit code", () => {
  const before = process.exitCode;
  runCommandLine(() => undefined);
  expect(process.exitCode).toBe(before);
});
