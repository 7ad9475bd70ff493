// npm run release:pack [-- FOLDER]: builds the published packages, checks what they contain, and packs them into
// dist-packages/ or FOLDER. The same source gives the same bytes (decision 0063).
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { buildPackage, type BuiltPackage } from "./build-package.ts";
import { packageProblems, type Surroundings } from "./package-problems.ts";
import { publishedPackages } from "./packages.ts";
import { runCommandLine } from "./run-command-line.ts";

const PACKAGES_FOLDER = join(ROOT, "dist-packages");
const WORK = join(ROOT, ".cache", "packages");

type PackedFile = { path: string };
type Packed = { name: string; filename: string; files: PackedFile[] };

/**
 * @param work where the packages are built, inside the repository
 * @returns the paths of the tarballs
 * @throws Error that lists what is wrong with the packages
 */
export function packAll(destination: string, work: string = WORK): string[] {
  const packages = publishedPackages(ROOT);
  const versions = new Map(packages.map(({ manifest }) => [manifest.name, manifest.version]));
  rmSync(work, { recursive: true, force: true });
  const built = packages.map((each) => buildPackage(each, work, versions));
  mkdirSync(destination, { recursive: true });
  for (const file of readdirSync(destination)) if (file.endsWith(".tgz")) rmSync(join(destination, file));
  const packed = runNpmPack(built, destination);
  const problems = built.flatMap((each) => problemsOf(each, packed, built));
  if (problems.length > 0)
    throw new Error(`The packages cannot be published:\n${problems.map((each) => `- ${each}`).join("\n")}`);
  return packed.map(({ filename }) => join(destination, filename));
}

function runNpmPack(built: readonly BuiltPackage[], destination: string): Packed[] {
  const args = ["pack", "--json", "--ignore-scripts", "--loglevel=error", "--pack-destination", destination];
  const folders = built.map(({ folder }) => folder);
  const { status, stdout, stderr } = spawnSync("npm", [...args, ...folders], { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm pack failed:\n${stderr}`);
  return JSON.parse(stdout) as Packed[];
}

function problemsOf(
  { folder, manifest }: BuiltPackage,
  packed: readonly Packed[],
  built: readonly BuiltPackage[],
): string[] {
  const paths = packed.find(({ name }) => name === manifest.name)?.files.map(({ path }) => path) ?? [];
  const files = new Map(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
  const siblings = new Map(
    built.filter((each) => each.folder !== folder).map((each) => [each.manifest.name, each.manifest]),
  );
  return [
    ...packageProblems({ manifest, files }, { siblings, machinePaths: machinePaths() }),
    ...ignoredByNpm(folder, manifest, paths),
  ];
}

function machinePaths(): Surroundings["machinePaths"] {
  return [...new Set([ROOT, realpathSync(ROOT), homedir()])].filter((path) => path !== "/").map((path) => `${path}/`);
}

/** npm leaves out .npmrc and .gitignore, and obeys the latter, without a word. */
function ignoredByNpm(folder: string, { files = [] }: { files?: string[] }, packed: readonly string[]): string[] {
  const staged = files
    .flatMap((each) => globSync(`${each}/**/{*,.*}`, { cwd: folder, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return staged.filter((file) => !packed.includes(file)).map((file) => `npm pack leaves out ${file}`);
}

if (import.meta.main)
  runCommandLine(() => console.log(packAll(resolve(process.argv[2] ?? PACKAGES_FOLDER)).join("\n")));
