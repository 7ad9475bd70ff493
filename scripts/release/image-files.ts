// npm run release:image-files: writes dist-image/, the build context of deploy/image/Dockerfile: the packed gateway, its
// production dependencies from package-lock.json, the health check and the bill of materials.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { GATEWAY_PACKAGE, installProductionTree } from "./production-tree.ts";
import { runCommandLine } from "./run-command-line.ts";
import { sharedVersion } from "./shared-version.ts";
import { writeSbom } from "./sbom.ts";

type PackageJson = { version: string; dependencies?: Record<string, string> };

/**
 * @param tarball the packed gateway
 * @param folder replaced if it exists
 * @throws Error where the tarball's dependencies differ from package-lock.json
 */
export function writeImageFiles(tarball: string, folder: string): void {
  if (!existsSync(tarball)) throw new Error(`${tarball} does not exist: npm run release:pack writes it.`);
  const scratch = mkdtempSync(join(tmpdir(), "cloakroom-image-"));
  try {
    installProductionTree(scratch);
    rmSync(folder, { recursive: true, force: true });
    cpSync(join(scratch, "node_modules"), join(folder, "node_modules"), { recursive: true });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const gateway = join(folder, GATEWAY_PACKAGE);
  mkdirSync(gateway, { recursive: true });
  const extract = ["-xzf", tarball, "--strip-components=1", "--no-same-owner", "-C", gateway];
  const { status, stderr } = spawnSync("tar", extract, { encoding: "utf8" });
  if (status !== 0) throw new Error(`tar failed: ${stderr}`);
  cpSync(join(ROOT, "deploy", "image", "health.mjs"), join(folder, "health.mjs"));
  writeSbom(join(folder, "sbom.cdx.json"));
  const differences = dependencyDifferences(folder);
  if (differences.length > 0) throw new Error(`dist-image differs from the packed package: ${differences.join("; ")}`);
}

/** @returns one sentence per dependency of the packed gateway that is missing or has another version */
export function dependencyDifferences(folder: string): string[] {
  const read = (...path: string[]) => {
    const file = join(folder, ...path, "package.json");
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as PackageJson) : undefined;
  };
  return Object.entries(read(GATEWAY_PACKAGE)?.dependencies ?? {}).flatMap(([name, wanted]) => {
    const { version: installed = "missing" } =
      read(GATEWAY_PACKAGE, "node_modules", name) ?? read("node_modules", name) ?? {};
    return installed === wanted ? [] : [`${name} is ${installed} instead of ${wanted}`];
  });
}

if (import.meta.main)
  runCommandLine(() => {
    const tarball = join(ROOT, "dist-packages", `cloakroom-gateway-${sharedVersion()}.tgz`);
    writeImageFiles(tarball, join(ROOT, "dist-image"));
    console.log("Wrote dist-image/: docker build -f deploy/image/Dockerfile dist-image");
  });
