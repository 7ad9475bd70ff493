// The package.json of a published package: the workspace's, with built files in place of the source (decision 0063).
import type { ExportTarget, Manifest } from "./packages.ts";

/** Fields that only the workspace needs. */
const WORKSPACE_FIELDS: ReadonlySet<string> = new Set(["private", "scripts", "devDependencies"]);
const SOURCE = /^\.?\/?src\/(.+)$/;
const TYPESCRIPT = /\.tsx?$/;

/**
 * @param versions of the workspaces by name
 * @returns the fields that do not concern the workspace, with built targets
 * @throws Error if another workspace is not required with its exact version
 */
export function publishedManifest(source: Manifest, versions: ReadonlyMap<string, string>): Manifest {
  requireExactVersions(source, versions);
  const { exports, bin, files = [], dependencies, ...rest } = source;
  const published = publishedExports(exports);
  const types = typesOf(published?.["."]);
  return {
    ...(Object.fromEntries(Object.entries(rest).filter(([field]) => !WORKSPACE_FIELDS.has(field))) as Manifest),
    ...(bin === undefined ? {} : { bin }),
    ...(types === undefined ? {} : { types }),
    ...(published === undefined ? {} : { exports: { ...published, "./package.json": "./package.json" } }),
    files: ["dist", ...files],
    ...(dependencies === undefined ? {} : { dependencies }),
    publishConfig: { access: "public" },
  };
}

/** Patterns that expose the source exist only in the workspace: a package spells out what it exports. */
function publishedExports(exports: Manifest["exports"] = {}): Manifest["exports"] {
  const published = Object.entries(exports)
    .filter(([key, target]) => !(key.includes("*") && typeof target === "string" && SOURCE.test(target)))
    .map(([key, target]) => [key, builtTarget(target)] as const);
  return published.length === 0 ? undefined : Object.fromEntries(published);
}

function builtTarget(target: ExportTarget): ExportTarget {
  if (target === null) return null;
  if (typeof target === "object")
    return Object.fromEntries(Object.entries(target).map(([condition, each]) => [condition, builtTarget(each)]));
  const [, path] = SOURCE.exec(target) ?? [];
  if (path === undefined) return target;
  if (!TYPESCRIPT.test(path)) return `./dist/${path}`;
  // Compilers use the first condition that applies.
  return { types: `./dist/${path.replace(TYPESCRIPT, ".d.ts")}`, default: `./dist/${builtName(path)}` };
}

const builtName = (path: string): string => path.replace(TYPESCRIPT, ".js");

/** For compilers that do not read `exports`. */
function typesOf(target: ExportTarget | undefined): string | undefined {
  if (target === undefined || target === null || typeof target === "string") return undefined;
  const { types } = target;
  return typeof types === "string" ? types : Object.values(target).map(typesOf).find(Boolean);
}

function requireExactVersions({ name, ...manifest }: Manifest, versions: ReadonlyMap<string, string>): void {
  for (const [dependency, range] of Object.entries({ ...manifest.peerDependencies, ...manifest.dependencies })) {
    const version = versions.get(dependency);
    if (version !== undefined && range !== version)
      throw new Error(`${name} requires ${dependency} ${range}; it must require ${version}, its exact version.`);
  }
}

/** @returns all paths in a target */
export function pathsOf(target: ExportTarget): string[] {
  if (target === null) return [];
  return typeof target === "string" ? [target] : Object.values(target).flatMap(pathsOf);
}
