// The version that all packages of the repository share (`fixed` in .changeset/config.json).
import { spawnSync } from "node:child_process";
import { ROOT } from "@cloakroom/testkit/bin.ts";

/** @throws Error if the packages differ in version */
export function sharedVersion(): string {
  const { stdout } = spawnSync("npm", ["query", ".workspace"], { cwd: ROOT, encoding: "utf8" });
  const versions = (JSON.parse(stdout) as { name: string; version: string }[])
    .filter(({ name }) => /^(?:@cloakroom\/|create-cloakroom$)/.test(name))
    .map((workspace) => workspace.version);
  const [first, ...others] = new Set(versions);
  if (first === undefined || others.length > 0)
    throw new Error(`The packages differ in version: ${versions.join(", ")}`);
  return first;
}
