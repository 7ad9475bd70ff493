// The manifests of this repository: each declares the packages that its files import, and no package that they do not use.
// Hoisting hides both faults.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { packageOf, specifiersIn } from "../release/imports.ts";

const WORKSPACES = ["bff", "demo", "e2e", "spa", "testkit", "tools", ...globSync("packages/*", { cwd: ROOT })];
/** Their packages are those of the root. */
const WITHOUT_MANIFEST = ["deploy", "e2e-keycloak", "scripts"];

/** Any file may import them: the root declares them, or another workspace because of its programs. */
const OF_THE_ROOT = new Set([
  "vitest",
  "vite",
  "typescript",
  "yaml",
  "ajv",
  "ajv-formats",
  "@playwright/test",
  "playwright",
]);
/** `npm run bench` installs them. */
const OF_THE_BENCHMARK = new Set(["express", "express-openid-connect", "connect-redis", "redis"]);
/** Declared for a command, not for an import. */
const COMMANDS = new Set(["@changesets/cli", "oxlint-tsgolint"]);

type Packages = Readonly<Record<string, string>>;
type Manifest = { name: string; dependencies?: Packages; devDependencies?: Packages; peerDependencies?: Packages };

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as Manifest;
}

function declaredBy(folder: string): string[] {
  const { dependencies, devDependencies, peerDependencies } = manifestOf(folder);
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
}

function textsOf(folder: string): string[] {
  const ignored = /(^|\/)(node_modules|dist|templates)\//;
  return globSync("**/*.{ts,tsx,mjs,js}", { cwd: join(ROOT, folder), exclude: (path) => ignored.test(`${path}/`) }).map(
    (file) => readFileSync(join(ROOT, folder, file), "utf8"),
  );
}

it.each(WORKSPACES)("%s declares every package that it imports", (folder) => {
  // A declared `@types/koa` is enough for types of koa.
  const declared = declaredBy(folder).map((name) => name.replace("@types/", ""));
  const known = new Set([manifestOf(folder).name, ...declared]);
  const undeclared = textsOf(folder)
    .flatMap(specifiersIn)
    .map(packageOf)
    .filter((name) => name !== undefined && /^[@a-z]/.test(name))
    .filter((name) => ![known, OF_THE_ROOT, OF_THE_BENCHMARK].some((names) => names.has(name!)));
  expect([...new Set(undeclared)]).toEqual([]);
});

it.each([...WORKSPACES, "."])("%s declares only packages that it uses", (folder) => {
  const text = (folder === "." ? [...WITHOUT_MANIFEST, ...WORKSPACES] : [folder]).flatMap(textsOf).join("\n");
  const unused = declaredBy(folder).filter(
    (name) => !text.includes(`"${name}`) && !name.startsWith("@types/") && !COMMANDS.has(name),
  );
  expect(unused).toEqual([]);
});
