// Writes the files of a project into an empty folder. Never overwrites a file.
import { randomBytes } from "node:crypto";
import { copyFileSync, constants, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateError } from "./create-error.ts";
import { manifest, managerFiles, ownPackages } from "./manifest.ts";
import { commandsOf, type PackageManager } from "./package-manager.ts";
import { fillIn, templateFiles, type Template } from "./template-files.ts";

export { CreateError } from "./create-error.ts";

export type ProjectOptions = {
  folder: string;
  name: string;
  template: Template;
  manager: PackageManager;
  /** Folder with tarballs of Cloakroom's packages. Default: versions from the registry. */
  packages?: string;
};

/** A new repository is as good as an empty folder. */
const IGNORED: ReadonlySet<string> = new Set([".git"]);
const VENDOR = "vendor";

/** @throws CreateError, before anything is written where possible */
export function createProject({ folder, name, template, manager, packages }: ProjectOptions): void {
  requireEmptyFolder(folder);
  const tarballs = packages === undefined ? undefined : findTarballs(packages, ownPackages(template));
  const specifierOf = (each: string): string => {
    const tarball = tarballs?.get(each);
    return tarball === undefined ? ownVersion() : `file:${VENDOR}/${basename(tarball)}`;
  };
  const specifiers = Object.fromEntries(ownPackages(template).map((each) => [each, specifierOf(each)]));
  const { install, dev, build, start, test, exec } = commandsOf(manager);
  const values = {
    ...{ name, install, dev, build, start, test, exec },
    vendorCopy: tarballs === undefined ? "" : `COPY ${VENDOR} ./${VENDOR}\n`,
    secretKey: randomBytes(32).toString("base64url"),
  };
  const files = templateFiles(template).map(({ path, content }) => ({ path, content: fillIn(content, values) }));
  files.push(...managerFiles(manager, specifiers));
  const json = JSON.stringify(manifest({ name, template, manager, specifiers }), null, 2);
  try {
    mkdirSync(folder, { recursive: true });
    for (const { path, content } of [...files, { path: "package.json", content: `${json}\n` }])
      writeNewFile(join(folder, path), content);
    // Not part of the template: each project has a key of its own.
    writeNewFile(join(folder, ".env"), `SECRET_KEYS=${values.secretKey}\n`, 0o600);
    for (const tarball of tarballs?.values() ?? []) copyNewFile(tarball, join(folder, VENDOR, basename(tarball)));
  } catch (error) {
    throw new CreateError(`${folder} cannot be written: ${(error as Error).message}.`, { cause: error });
  }
}

/** @throws CreateError */
function requireEmptyFolder(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) throw new CreateError(`${folder} is a file. Choose another folder.`);
  const [first] = readdirSync(folder).filter((each) => !IGNORED.has(each));
  if (first !== undefined)
    throw new CreateError(
      `${folder} is not empty: it contains ${first}. Choose another folder, or empty this one. Nothing was changed.`,
    );
}

/** @throws CreateError with the missing tarballs */
function findTarballs(folder: string, names: readonly string[]): Map<string, string> {
  const version = ownVersion();
  const fileOf = (name: string): string => join(folder, `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`);
  const missing = names.map(fileOf).filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() !== true);
  if (missing.length > 0)
    throw new CreateError(
      `${folder} does not contain ${missing.map((file) => basename(file)).join(", ")}. --packages needs the folder of the packed packages.`,
    );
  return new Map(names.map((name) => [name, fileOf(name)]));
}

function writeNewFile(path: string, content: string, mode = 0o666): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { flag: "wx", mode });
}

function copyNewFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to, constants.COPYFILE_EXCL);
}

function ownVersion(): string {
  const file = fileURLToPath(new URL("../package.json", import.meta.url));
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
