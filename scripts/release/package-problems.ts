// What is wrong with the contents of a package: files that do not belong there, targets, dependencies and paths.
import { builtinModules } from "node:module";
import { dirname, join, normalize } from "node:path";
import { filesIn, packageOf, specifiersIn } from "./imports.ts";
import { pathsOf } from "./published-manifest.ts";
import type { Manifest } from "./packages.ts";

export type PackageContents = {
  manifest: Manifest;
  /** Text by path, with / as separator. */
  files: ReadonlyMap<string, string>;
};

export type Surroundings = {
  /** The other packages of the repository, by name. */
  siblings: ReadonlyMap<string, Manifest>;
  /** Paths of the machine that builds the package. */
  machinePaths: readonly string[];
};

/** The files that a package may have. Templates are the source of an app, tests and TypeScript included. */
const ALLOWED: readonly RegExp[] = [
  /^(?:package\.json|README\.md|LICENSE)$/,
  /^dist\/(?:[\w-]+\/)*[\w.-]+\.(?:js|js\.map|d\.ts|css|svg|html|lua|json)$/,
  /^bin\/[\w-]+\.mjs$/,
  /^schema\/[\w.-]+\.schema\.json$/,
  /^templates\/.+$/,
];
const TEST_FILE = /(?:^|\/)(?:test|tests|__tests__)\/|\.(?:test|spec)\./;
const CODE = /^(?:dist|bin)\/.+\.(?:js|mjs)$/;
const DECLARATION = /\.d\.ts$/;
const BUILTINS: ReadonlySet<string> = new Set(builtinModules);

/** @returns one sentence per problem */
export function packageProblems(contents: PackageContents, surroundings: Surroundings): string[] {
  const { name } = contents.manifest;
  return [
    ...fileProblems(contents, surroundings),
    ...targetProblems(contents),
    ...importProblems(contents),
    ...dependencyProblems(contents),
    ...siblingProblems(contents, surroundings),
    ...manifestProblems(contents),
  ].map((problem) => `${name}: ${problem}`);
}

function fileProblems({ files }: PackageContents, { machinePaths }: Surroundings): string[] {
  const required = ["package.json", "README.md", "LICENSE"].filter((file) => !files.has(file));
  return [
    ...required.map((file) => `${file} is missing`),
    ...[...files].flatMap(([file, text]) => [
      ...(ALLOWED.some((each) => each.test(file)) ? [] : [`${file} does not belong into a package`]),
      ...(TEST_FILE.test(file) && !file.startsWith("templates/") ? [`${file} is a test`] : []),
      ...machinePaths.filter((path) => text.includes(path)).map((path) => `${file} contains the path ${path}`),
      ...(file.endsWith(".map") ? mapProblems(file, text) : []),
    ]),
  ];
}

function mapProblems(file: string, text: string): string[] {
  const { sources, sourcesContent = [] } = JSON.parse(text) as { sources: string[]; sourcesContent?: string[] };
  const isComplete = sourcesContent.length === sources.length && sources.every((each) => each.startsWith("../"));
  return isComplete ? [] : [`${file} does not contain its source`];
}

function targetProblems({ manifest: { exports = {}, bin = {}, types }, files }: PackageContents): string[] {
  const targets = [
    ...Object.values(exports).flatMap(pathsOf),
    ...Object.values(bin),
    ...(types === undefined ? [] : [types]),
  ];
  if (targets.length === 0) return ["it exports nothing and has no program"];
  const missing = targets.filter((target) => {
    const path = normalize(target);
    const [prefix = "", suffix] = path.split("*");
    if (suffix === undefined) return !files.has(path);
    return ![...files.keys()].some((file) => file.startsWith(prefix) && file.endsWith(suffix));
  });
  return missing.map((target) => `the target ${target} does not exist`);
}

/** Relative imports, and files that a module finds beside itself. */
function importProblems({ files }: PackageContents): string[] {
  const has = (path: string) =>
    files.has(path) || [...files.keys()].some((file) => file.startsWith(path.replace(/\/?$/, "/")));
  return [...files]
    .filter(([file]) => CODE.test(file) || DECLARATION.test(file))
    .flatMap(([file, text]) => {
      const relative = specifiersIn(text).filter((each) => each.startsWith("."));
      const targets = relative.map((each) => (DECLARATION.test(file) ? each.replace(/\.js$/, ".d.ts") : each));
      return [...targets, ...filesIn(text)]
        .filter((target) => !has(join(dirname(file), target)))
        .map((target) => `${file} refers to ${target}, which does not exist`);
    });
}

/**
 * Declared dependencies equal imported ones. A package of types counts as imported with the package that it describes, and a
 * package that is run instead (`findPackageJSON("name")`) by its name.
 */
function dependencyProblems({ manifest, files }: PackageContents): string[] {
  const { name, dependencies = {}, peerDependencies = {} } = manifest;
  const importedBy = new Map<string, string>();
  for (const [file, text] of files)
    if (CODE.test(file) || DECLARATION.test(file))
      for (const specifier of specifiersIn(text)) {
        const imported = packageOf(specifier);
        if (imported !== undefined && imported !== name && !BUILTINS.has(imported)) importedBy.set(imported, file);
      }
  const declared = Object.keys({ ...dependencies, ...peerDependencies });
  const code = [...files].filter(([file]) => CODE.test(file)).map(([, text]) => text);
  const isUsed = (each: string) =>
    importedBy.has(each) ||
    importedBy.has(each.replace(/^@types\//, "")) ||
    code.some((text) => text.includes(`"${each}"`));
  return [
    ...[...importedBy]
      .filter(([each]) => !declared.includes(each))
      .map(([each, file]) => `${file} imports ${each}, which is no dependency`),
    ...declared.filter((each) => !isUsed(each)).map((each) => `the dependency ${each} is never used`),
  ];
}

function siblingProblems({ files }: PackageContents, { siblings }: Surroundings): string[] {
  return [...files]
    .filter(([file]) => CODE.test(file) || DECLARATION.test(file))
    .flatMap(([file, text]) =>
      specifiersIn(text)
        .filter((specifier) => {
          const sibling = siblings.get(packageOf(specifier) ?? "");
          return sibling !== undefined && !isExported(sibling, specifier);
        })
        .map((specifier) => `${file} imports ${specifier}, which that package does not export`),
    );
}

function isExported({ name, exports = {} }: Manifest, specifier: string): boolean {
  const path = `.${specifier.slice(name.length)}`;
  return Object.keys(exports).some((key) => {
    const [prefix = "", suffix] = key.split("*");
    return suffix === undefined ? key === path : path.startsWith(prefix) && path.endsWith(suffix);
  });
}

function manifestProblems({ manifest }: PackageContents): string[] {
  const required = ["name", "version", "description", "license", "type"].filter(
    (field) => manifest[field] === undefined,
  );
  const forbidden = ["private", "devDependencies", "scripts", "workspaces"].filter((field) => field in manifest);
  return [
    ...required.map((field) => `package.json lacks ${field}`),
    ...forbidden.map((field) => `package.json has ${field}`),
  ];
}
