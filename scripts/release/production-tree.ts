// Installs what the gateway needs in production, exactly as package-lock.json records it, into a folder outside the workspace.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";

type Lock = { packages: Record<string, { link?: boolean }> };
type PackageJson = { devDependencies?: unknown; optionalDependencies?: unknown };

/** The gateway's folder in the installed tree. */
export const GATEWAY_PACKAGE = join("node_modules", "@cloakroom", "gateway");

/** npm's flags for the gateway alone. */
export const GATEWAY_ONLY = ["--workspace=bff", "--include-workspace-root=false"] as const;

/**
 * Copies package.json of every workspace and the lock file to `folder`, without development dependencies of the gateway: npm's
 * `--omit=dev` keeps those that are dependencies of another workspace.
 */
export function copyManifests(folder: string): void {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lock;
  const workspaces = Object.keys(packages).filter((path) => !path.includes("node_modules"));
  const files = [...workspaces.map((path) => join(path, "package.json")), "package-lock.json", ".npmrc"];
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  const gateway = join(folder, "bff", "package.json");
  const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(gateway, "utf8")) as PackageJson;
  writeFileSync(gateway, JSON.stringify(manifest));
}

/**
 * Writes `node_modules` with the production dependencies and no links to workspaces to `folder`; what only the gateway needs in
 * its version is in {@link GATEWAY_PACKAGE}.
 * @throws Error with npm's output
 */
export function installProductionTree(folder: string): void {
  copyManifests(folder);
  npm(folder, [
    "ci",
    ...GATEWAY_ONLY,
    "--omit=dev",
    "--omit=optional",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
  ]);
  rmSync(join(folder, "node_modules", "@cloakroom"), { recursive: true, force: true });
  for (const name of [".package-lock.json", ".bin"])
    rmSync(join(folder, "node_modules", name), { recursive: true, force: true });
  // Versions that another package needs differently.
  const nested = join(folder, "bff", "node_modules");
  if (existsSync(nested)) cpSync(nested, join(folder, GATEWAY_PACKAGE, "node_modules"), { recursive: true });
}

/** @returns npm's standard output */
export function npm(cwd: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed:\n${stderr}${stdout}`);
  return stdout;
}
