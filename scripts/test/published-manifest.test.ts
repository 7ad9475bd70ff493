// package.json of published packages: built targets, exact versions, nothing that only the workspace needs.
import { expect, it } from "vitest";
import { publishedManifest } from "../release/published-manifest.ts";
import type { ExportTarget, Manifest } from "../release/packages.ts";

const VERSIONS = new Map([["@cloakroom/client", "1.2.3"]]);
const source = (fields: Partial<Manifest> = {}): Manifest => ({ name: "@cloakroom/x", version: "1.2.3", ...fields });
const published = (fields: Partial<Manifest> = {}): Manifest => publishedManifest(source(fields), VERSIONS);

const TARGETS: [name: string, target: ExportTarget, expected: ExportTarget][] = [
  ["a module", "./src/index.ts", { types: "./dist/index.d.ts", default: "./dist/index.js" }],
  ["a module in a folder", "./src/a/b.ts", { types: "./dist/a/b.d.ts", default: "./dist/a/b.js" }],
  ["a module with JSX", "./src/view.tsx", { types: "./dist/view.d.ts", default: "./dist/view.js" }],
  [
    "a condition",
    { browser: "./src/browser.ts", default: "./src/index.ts" },
    {
      browser: { types: "./dist/browser.d.ts", default: "./dist/browser.js" },
      default: { types: "./dist/index.d.ts", default: "./dist/index.js" },
    },
  ],
  ["an asset of the source", "./src/theme.css", "./dist/theme.css"],
  ["a file beside the source", "./schema/x.schema.json", "./schema/x.schema.json"],
  ["a forbidden path", null, null],
];

it.each(TARGETS)("the target of %s is the built one", (_name, target, expected) => {
  expect(published({ exports: { ".": target } }).exports?.["."]).toEqual(expected);
});

it("the types condition comes before all others", () => {
  const { exports = {} } = published({ exports: { ".": "./src/index.ts" } });
  expect(Object.keys(exports["."] ?? {})[0]).toBe("types");
});

it("patterns that expose the source are not published, others are", () => {
  const exports = { ".": "./src/index.ts", "./*": "./src/*", "./src/*": "./src/*", "./schema/*": "./schema/*" };
  expect(Object.keys(published({ exports }).exports ?? {})).toEqual([".", "./schema/*", "./package.json"]);
});

it("types name the declarations of the main export, also below a condition", () => {
  expect(published({ exports: { ".": "./src/index.ts" } }).types).toBe("./dist/index.d.ts");
  expect(published({ exports: { ".": { browser: "./src/b.ts" } } }).types).toBe("./dist/b.d.ts");
  expect(published({ exports: { "./a": "./src/a.ts" } }).types).toBeUndefined();
});

it("fields of the workspace are left out and the others stay", () => {
  const manifest = published({
    ...{ private: true, scripts: { start: "x" }, devDependencies: { vitest: "1" } },
    ...{ description: "d", license: "Apache-2.0", engines: { node: ">=22.22" }, sideEffects: false },
  });
  for (const field of ["private", "scripts", "devDependencies"]) expect(manifest).not.toHaveProperty(field);
  expect(manifest).toMatchObject({ description: "d", license: "Apache-2.0", sideEffects: false });
  expect(manifest["engines"]).toEqual({ node: ">=22.22" });
});

it("files are the build and what the workspace names", () => {
  expect(published({ files: ["bin", "schema"] }).files).toEqual(["dist", "bin", "schema"]);
});

it.each(["^1.2.3", "*", "1.2.2", "workspace:*"])("a package of this repository required as %s is rejected", (range) => {
  const message = /requires @cloakroom\/client .*1\.2\.3/;
  expect(() => published({ dependencies: { "@cloakroom/client": range } })).toThrow(message);
  expect(() => published({ peerDependencies: { "@cloakroom/client": range } })).toThrow(message);
});

it("a package of this repository stays required with its exact version, and others with theirs", () => {
  const dependencies = { "@cloakroom/client": "1.2.3", koa: "^3.0.0" };
  expect(published({ dependencies }).dependencies).toEqual(dependencies);
});
