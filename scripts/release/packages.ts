// The packages of this repository that are published, and their package.json.
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** A target in `exports`: a path, or targets by condition. */
export type ExportTarget = string | null | { [condition: string]: ExportTarget };

export type Manifest = {
  name: string;
  version: string;
  private?: boolean;
  description?: string;
  license?: string;
  type?: string;
  bin?: Record<string, string>;
  exports?: Record<string, ExportTarget>;
  types?: string;
  /** Files and folders that are published beside the built `src`. */
  files?: string[];
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  [field: string]: unknown;
};

export type WorkspacePackage = {
  folder: string;
  /** Name of the folder. */
  id: string;
  manifest: Manifest;
};

/** @returns the gateway and `packages/*`, each after the packages that it depends on */
export function publishedPackages(root: string): WorkspacePackage[] {
  const found = ["bff", ...globSync("packages/*", { cwd: root }).toSorted()]
    .map((each) => join(root, each))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({ folder, id: basename(folder), manifest: readManifest(folder) }));
  const ordered = new Set<WorkspacePackage>();
  const visit = (each: WorkspacePackage, dependents: readonly string[]): void => {
    if (dependents.includes(each.manifest.name))
      throw new Error(`Packages depend on each other: ${[...dependents, each.manifest.name].join(" → ")}.`);
    for (const name of Object.keys({ ...each.manifest.dependencies, ...each.manifest.peerDependencies })) {
      const dependency = found.find(({ manifest }) => manifest.name === name);
      if (dependency !== undefined) visit(dependency, [...dependents, each.manifest.name]);
    }
    ordered.add(each);
  };
  for (const each of found) visit(each, []);
  return [...ordered];
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}
