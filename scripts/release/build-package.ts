// Builds one package into a folder that `npm pack` packs: JavaScript with declarations and source maps below dist/, the files
// that it reads at run time, package.json, LICENSE and README.md.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { specifiersIn } from "./imports.ts";
import { pathsOf, publishedManifest } from "./published-manifest.ts";
import type { Manifest, WorkspacePackage } from "./packages.ts";

const TYPESCRIPT = /\.tsx?$/;
/** In `files` of a workspace, and in what its programs import: the source, which dist/ replaces. */
const SOURCE_IMPORT = /(["'`]\.\.\/)src\/([^"'`]+)\.tsx?(["'`])/g;
/** A declaration keeps the extension of an import: a compiler accepts it, other tools do not. */
const TYPESCRIPT_IMPORT = /((?:\bfrom |\bimport\(|^import )"\.{1,2}\/[^"]+)\.tsx?"/gm;

export type BuiltPackage = { id: string; folder: string; manifest: Manifest };

/**
 * @param work folder inside the repository, so that the compiler finds the installed packages; packages that were built there
 *   before are what the next ones compile against
 * @throws Error if the package does not compile, or lacks a README
 */
export function buildPackage(
  { id, folder: source, manifest }: WorkspacePackage,
  work: string,
  versions: ReadonlyMap<string, string>,
): BuiltPackage {
  const folder = join(work, id);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const published = publishedManifest(manifest, versions);
  if (existsSync(join(source, "src"))) {
    cpSync(join(source, "src"), join(folder, "src"), { recursive: true });
    compile(id, source, folder);
    copyAssets(folder);
    repairDeclarations(folder, published);
  }
  for (const each of manifest.files ?? []) copyRuntimeFiles(source, folder, each);
  copyReadme(manifest.name, source, folder);
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
  link(work, manifest.name, folder);
  return { id, folder, manifest: published };
}

function compile(id: string, source: string, folder: string): void {
  const config = {
    extends: join(source, "tsconfig.json"),
    compilerOptions: {
      // The strictest resolution: what Node accepts, bundlers accept too.
      ...{ module: "nodenext", moduleResolution: "nodenext", rewriteRelativeImportExtensions: true },
      ...{ noEmit: false, noEmitOnError: true, rootDir: "src", outDir: "dist" },
      // The source is not part of the package, so that its maps contain it.
      ...{ declaration: true, stripInternal: true, sourceMap: true, inlineSources: true },
    },
    include: ["src"],
    exclude: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const { status, stdout } = spawnSync(bin("tsc"), ["-p", "."], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${id} does not compile:\n${stdout}`);
}

/** What `src` reads at run time, at the same place in `dist`. */
function copyAssets(folder: string): void {
  for (const file of globSync("**/*", { cwd: join(folder, "src") })) {
    const from = join(folder, "src", file);
    if (TYPESCRIPT.test(file) || statSync(from).isDirectory()) continue;
    cpSync(from, join(folder, "dist", file));
  }
}

/** Repairs their imports, and deletes the declarations that no export reaches. */
function repairDeclarations(folder: string, { exports = {} }: Manifest): void {
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  const declarations = globSync("dist/**/*.d.ts", { cwd: folder }).map(normalize);
  for (const file of declarations)
    writeFileSync(join(folder, file), read(file).replaceAll(TYPESCRIPT_IMPORT, '$1.js"'));
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !declarations.includes(file)) return;
    reached.add(file);
    for (const specifier of specifiersIn(read(file)))
      if (specifier.startsWith(".")) visit(join(dirname(file), specifier.replace(/\.js$/, ".d.ts")));
  };
  for (const path of Object.values(exports).flatMap(pathsOf)) visit(normalize(path));
  for (const file of declarations) if (!reached.has(file)) rmSync(join(folder, file));
}

/** @throws Error if a path in `files` does not exist */
function copyRuntimeFiles(source: string, folder: string, name: string): void {
  const from = join(source, name);
  if (!existsSync(from))
    throw new Error(`${join(source, "package.json")}: "files" contains ${name}, which does not exist.`);
  cpSync(from, join(folder, name), { recursive: true });
  if (name !== "bin") return;
  for (const file of globSync("bin/**/*.{js,mjs}", { cwd: folder })) {
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(SOURCE_IMPORT, "$1dist/$2.js$3"));
  }
}

/** Links to files of the repository become text: the package does not contain them. */
function copyReadme(name: string, source: string, folder: string): void {
  const file = join(source, "README.md");
  if (!existsSync(file)) throw new Error(`${name} has no README.md.`);
  const text = readFileSync(file, "utf8").replaceAll(
    /(?<!!)\[([^\]]+)\]\(([^)\s]+)\)/g,
    (whole, title: string, target: string) => {
      const isOutside = target.startsWith("../") || (!/^(?:[a-z]+:|#)/.test(target) && extname(target) === ".md");
      return isOutside ? title : whole;
    },
  );
  writeFileSync(join(folder, "README.md"), text);
}

/** Where the compiler finds the package for those that depend on it. */
function link(work: string, name: string, folder: string): void {
  const path = join(work, "node_modules", name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(folder, path, "junction");
}
