// Copies the repository's sources to a temporary folder, in which a source change can be applied and tested. Packages of
// the repository resolve to the copy, all others to the installed ones.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const COPIED = [
  "bff",
  "demo",
  "deploy",
  "docs",
  "packages",
  "scripts",
  "spa/tsconfig.json",
  "testkit",
  "tools",
  "README.md",
  "docker-compose.yml",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
];
const PACKAGES = {
  gateway: "bff",
  client: "packages/client",
  demo: "demo",
  react: "packages/react",
  testing: "packages/testing",
  testkit: "testkit",
  tools: "tools",
};

/** A deliberate defect of the gateway or of another package. */
export type SourceChange = {
  /** The defect, used as a title. */
  breaks: string;
  /** Path from bff/: `src/app.ts`, `../packages/client/src/client.ts`. */
  file: string;
  /** Text that the file contains exactly once. */
  find: string;
  replace: string;
};

export type BreakableCopy = {
  folder: string;
  /** @returns a function that reverts the change. @throws when the file does not contain the text exactly once */
  applyChange: (change: SourceChange) => () => void;
  remove: () => void;
};

export function createBreakableCopy(): BreakableCopy {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-broken-"));
  for (const part of [...COPIED, "tsconfig.base.json"])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: (path) => !path.includes("node_modules") });
  linkModules(folder);
  // Programs that npm run setup builds.
  if (existsSync(join(ROOT, ".cache"))) symlinkSync(join(ROOT, ".cache"), join(folder, ".cache"));
  return {
    folder,
    applyChange: (change) => applyChange(join(folder, "bff", change.file), change),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function linkModules(folder: string): void {
  const packages = Object.entries(PACKAGES);
  // Versions that only one package needs are in its own folder.
  for (const path of ["", ...packages.map(([, path]) => path)]) {
    const installed = join(ROOT, path, "node_modules");
    if (!existsSync(installed)) continue;
    mkdirSync(join(folder, path, "node_modules"), { recursive: true });
    for (const name of readdirSync(installed))
      if (name !== "@cloakroom") symlinkSync(join(installed, name), join(folder, path, "node_modules", name));
  }
  const scope = join(folder, "node_modules", "@cloakroom");
  mkdirSync(scope);
  for (const [name, path] of packages) symlinkSync(join(folder, path), join(scope, name));
}

function applyChange(path: string, { breaks, find, replace }: SourceChange): () => void {
  const original = readFileSync(path, "utf8");
  if (original.split(find).length !== 2) throw new Error(`"${breaks}": ${path} does not contain the text exactly once`);
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  return () => writeFileSync(path, original);
}
