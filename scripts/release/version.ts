// npm run release:version: applies the changesets to all package.json files, the lock file, Chart.yaml and CHANGELOG.md.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { releaseChangelog } from "./changelog.ts";
import { sharedVersion } from "./shared-version.ts";

const CHANGELOG = join(ROOT, "CHANGELOG.md");

run(bin("changeset"), ["version"]);
const version = sharedVersion();
setRootVersion(version);
setChartVersion(version);
run("npm", ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]);
const today = new Date().toISOString().slice(0, 10);
writeFileSync(CHANGELOG, releaseChangelog(readFileSync(CHANGELOG, "utf8"), version, today));
console.log(`Prepared ${version}: review the diff and commit it.`);

function setRootVersion(value: string): void {
  const file = join(ROOT, "package.json");
  writeFileSync(file, readFileSync(file, "utf8").replace(/("version": ")[^"]+/, `$1${value}`));
}

/** Version of the Helm chart, and default tag of its images. */
function setChartVersion(value: string): void {
  const file = join(ROOT, "deploy", "helm", "cloakroom", "Chart.yaml");
  const text = readFileSync(file, "utf8").replace(/^version: .+$/m, `version: ${value}`);
  writeFileSync(file, text.replace(/^appVersion: .+$/m, `appVersion: "${value}"`));
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
