// The contents of packages: each row breaks a sound package in one way.
import { describe, expect, it } from "vitest";
import { filesIn, packageOf, specifiersIn } from "../release/imports.ts";
import { packageProblems } from "../release/package-problems.ts";
import type { Manifest } from "../release/packages.ts";

const MANIFEST: Manifest = {
  ...{ name: "@cloakroom/x", version: "1.0.0", description: "d", license: "Apache-2.0", type: "module" },
  bin: { x: "bin/x.mjs" },
  types: "./dist/index.d.ts",
  exports: {
    ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
    "./schema/*": "./schema/*",
    "./package.json": "./package.json",
  },
  dependencies: { koa: "3.0.0", "@cloakroom/client": "1.0.0" },
};
const SIBLING: Manifest = { name: "@cloakroom/client", version: "1.0.0", exports: { ".": "./dist/index.js" } };
const SOUND: Record<string, string> = {
  "package.json": "{}",
  LICENSE: "Apache",
  "README.md": "# x",
  "bin/x.mjs": 'await import("../dist/index.js");',
  "dist/index.js":
    'import Koa from "koa";\nimport { y } from "./y.js";\nexport const z = new URL("./assets/z.css", import.meta.url);',
  "dist/index.js.map": '{"sources":["../src/index.ts"],"sourcesContent":["x"]}',
  "dist/index.d.ts": 'import type { Y } from "./y.js";\nexport declare const z: Y;',
  "dist/y.js":
    'import { createSession } from "@cloakroom/client";\nimport { once } from "node:events";\nexport const y = 1;',
  "dist/y.d.ts": "export type Y = number;",
  "dist/assets/z.css": "p {}",
  "schema/x.schema.json": "{}",
};

function problems(changes: Record<string, string | undefined>, manifest: Partial<Manifest> = {}): string[] {
  const merged = Object.entries({ ...SOUND, ...changes });
  const files = new Map(merged.flatMap(([file, text]) => (text === undefined ? [] : [[file, text] as const])));
  const surroundings = { siblings: new Map([[SIBLING.name, SIBLING]]), machinePaths: ["/home/dev/cloakroom/"] };
  return packageProblems({ manifest: { ...MANIFEST, ...manifest }, files }, surroundings);
}

it("a sound package has no problem", () => {
  expect(problems({})).toEqual([]);
});

const FILES: [name: string, changes: Record<string, string | undefined>, problem: RegExp][] = [
  ["no README", { "README.md": undefined }, /README\.md is missing/],
  ["no license", { LICENSE: undefined }, /LICENSE is missing/],
  ["the source", { "src/index.ts": "" }, /src\/index\.ts does not belong/],
  ["a TypeScript file among the built ones", { "dist/a.ts": "" }, /dist\/a\.ts does not belong/],
  ["a compiler configuration", { "tsconfig.json": "{}" }, /tsconfig\.json does not belong/],
  ["an environment file", { ".env": "A=1" }, /\.env does not belong/],
  ["a test", { "dist/a.test.js": "" }, /dist\/a\.test\.js is a test/],
  ["a folder of tests", { "dist/test/a.js": "" }, /dist\/test\/a\.js is a test/],
  ["a path of this machine", { "dist/a.js": '"/home/dev/cloakroom/bff"' }, /dist\/a\.js contains the path/],
  ["a source map without source", { "dist/a.js.map": '{"sources":["../src/a.ts"]}' }, /a\.js\.map does not contain/],
  [
    "a source map with an absolute path",
    { "dist/a.js.map": '{"sources":["/a.ts"],"sourcesContent":[""]}' },
    /a\.js\.map does not contain/,
  ],
];

const REFERENCES: typeof FILES = [
  [
    "no file for an export",
    { "dist/index.js": undefined, "bin/x.mjs": "" },
    /target \.\/dist\/index\.js does not exist/,
  ],
  ["no declarations for an export", { "dist/index.d.ts": undefined }, /target \.\/dist\/index\.d\.ts does not exist/],
  ["no file for a pattern", { "schema/x.schema.json": undefined }, /target \.\/schema\/\* does not exist/],
  ["no program", { "bin/x.mjs": undefined }, /target bin\/x\.mjs does not exist/],
  ["a missing module", { "dist/y.js": undefined }, /dist\/index\.js refers to \.\/y\.js/],
  ["missing declarations", { "dist/y.d.ts": undefined }, /dist\/index\.d\.ts refers to \.\/y\.d\.ts/],
  ["an import of TypeScript", { "dist/a.js": 'export * from "./y.ts";' }, /dist\/a\.js refers to \.\/y\.ts/],
  ["a program that runs the source", { "bin/x.mjs": 'await import("../src/index.ts");' }, /refers to \.\.\/src/],
  ["a missing asset", { "dist/assets/z.css": undefined }, /dist\/index\.js refers to \.\/assets\/z\.css/],
];

const DEPENDENCIES: typeof FILES = [
  ["an undeclared dependency", { "dist/a.js": 'import "undici";' }, /dist\/a\.js imports undici, which is no/],
  ["an undeclared dynamic import", { "dist/a.js": 'await import("@s/p/q");' }, /imports @s\/p, which is no/],
  ["an undeclared dependency of types", { "dist/index.d.ts": 'import type { A } from "zod";' }, /imports zod/],
  ["an unused dependency", { "dist/index.js": "" }, /dependency koa is never used/],
  [
    "an import that a package of this repository does not export",
    { "dist/a.js": 'import "@cloakroom/client/src/a.ts";' },
    /imports @cloakroom\/client\/src\/a\.ts, which that package does not export/,
  ],
];

describe.each([...FILES, ...REFERENCES, ...DEPENDENCIES])("a package with %s", (_name, changes, problem) => {
  it("is rejected with the name of the file", () => {
    expect(problems(changes)).toContainEqual(expect.stringMatching(problem));
  });
});

const MANIFESTS: [name: string, manifest: Partial<Manifest>, problem: RegExp][] = [
  ["private", { private: true }, /package\.json has private/],
  ["with scripts", { scripts: {} }, /package\.json has scripts/],
  ["with development dependencies", { devDependencies: {} }, /package\.json has devDependencies/],
  ["without exports and programs", { exports: {}, bin: {}, types: undefined as never }, /exports nothing/],
];

it.each(MANIFESTS)("a package.json %s is rejected", (_name, manifest, problem) => {
  expect(problems({}, manifest)).toContainEqual(expect.stringMatching(problem));
});

it("a package of types only counts as imported by the package that it describes", () => {
  const dependencies = { ...MANIFEST.dependencies, "@types/koa": "3.0.0" };
  expect(problems({}, { dependencies })).toEqual([]);
  expect(problems({}, { dependencies: { ...dependencies, "@types/ws": "8.0.0" } })).toHaveLength(1);
});

it("a package that is run instead of imported counts as used by its name", () => {
  const dependencies = { ...MANIFEST.dependencies, "@cloakroom/gateway": "1.0.0" };
  expect(problems({}, { dependencies })).toHaveLength(1);
  expect(problems({ "dist/a.js": 'findPackageJSON("@cloakroom/gateway", base);' }, { dependencies })).toEqual([]);
});

it("templates may contain TypeScript and tests", () => {
  expect(problems({ "templates/react/e2e/login.spec.ts": "", "templates/react/_gitignore": "" })).toEqual([]);
});

describe("specifiers", () => {
  it.each([
    ['import "a";', ["a"]],
    ['import a, { b } from "a/b";', ["a/b"]],
    ['import {\n  a,\n  b,\n} from "./a.js";', ["./a.js"]],
    ['import type { A } from "a";', ["a"]],
    ['export * from "@s/a";', ["@s/a"]],
    ['export { a } from "a";', ["a"]],
    ['  const a = await import("a");', ["a"]],
    ['export declare const a: import("a").A;', ["a"]],
    ['const a = import.meta.resolve("a/b.js");', ["a/b.js"]],
    ['createRequire(import.meta.url)("a/b.js");', ["a/b.js"]],
    ['/// <reference types="node" />', ["node"]],
    ['export const a = "b";', []],
    ['/**\n * import { a } from "a";\n */', []],
    ['// import { a } from "a";', []],
    ['const text = "import from";', []],
  ])("%s imports %j", (text, expected) => {
    expect(specifiersIn(text)).toEqual(expected);
  });

  it.each([
    ['new URL("./a.css", import.meta.url)', ["./a.css"]],
    ["new URL(`./assets/${name}`, import.meta.url)", ["./assets/"]],
    ['join(import.meta.dirname, "../templates")', ["../templates"]],
    ['new URL("/a", origin)', []],
  ])("%s refers to %j", (text, expected) => {
    expect(filesIn(text)).toEqual(expected);
  });

  it.each([
    ["a", "a"],
    ["a/b", "a"],
    ["@s/a/b", "@s/a"],
    ["./a.js", undefined],
    ["node:fs", undefined],
  ])("the package of %s is %s", (specifier, expected) => {
    expect(packageOf(specifier)).toBe(expected);
  });
});
