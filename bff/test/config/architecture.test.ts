// docs/architecture.md against the tree: files that it names exist and are used, its layers are those that lint enforces,
// and packages import each other by name along the arrows between packages.
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/architecture.md"), "utf8");

it("docs/architecture.md names only files that exist", () => {
  const named = [...page.matchAll(/`([\w/-]+\.ts)`/g)].map(([, file = ""]) => file);
  expect(named.length).toBeGreaterThan(40);
  const missing = named.filter((file) => !existsSync(join(root, "bff/src", file)) && !existsSync(join(root, file)));
  expect(missing).toEqual([]);
});

it("docs/architecture.md lists twenty files in reading order, each once, app.ts first", () => {
  const section = page.slice(page.indexOf("## Twenty files"), page.indexOf("## Which file"));
  const files = [...section.matchAll(/^\d+\. `([\w/-]+\.ts)`/gm)].map(([, file]) => file);
  expect(files).toHaveLength(20);
  expect(new Set(files).size).toBe(20);
  expect(files[0]).toBe("app.ts");
});

it("docs/architecture.md shows every folder and file at the top of bff/src as a layer", () => {
  const [, layers = ""] = /```\n([\s\S]*?)```/.exec(page) ?? [];
  for (const name of readdirSync(join(root, "bff/src")))
    expect(layers, name).toMatch(new RegExp(`\\b${name.replace(".ts", "")}\\b`));
});

it("files of bff/src import only from layers below their own in docs/architecture.md", () => {
  const [, layers = ""] = /```\n([\s\S]*?)```/.exec(page) ?? [];
  // Names are in the first columns, followed by what the layer is.
  const rows = layers.split("\n").map((row) => row.slice(0, 38).split(/\s+/));
  const rowOf = (file: string) => {
    const [top = ""] = relative(join(root, "bff/src"), file).split("/");
    const name = top.replace(".ts", "");
    // Files at the top of bff/src may import those beside them; folders of one row are independent of each other.
    return { name, isFile: top.endsWith(".ts"), row: rows.findIndex((names) => names.includes(name)) };
  };
  const upwards = sourcesOf("bff/src").flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => {
        if (target === undefined) return false;
        const [from, to] = [rowOf(file), rowOf(target)];
        if (from.name === to.name) return false;
        return from.isFile && to.isFile ? from.row > to.row : from.row >= to.row;
      })
      .map(({ specifier }) => `${relative(root, file)}: ${specifier}`),
  );
  expect(upwards).toEqual([]);
});

it("lint restricts the imports of every folder of bff/src", () => {
  const lint = readFileSync(join(root, ".oxlintrc.json"), "utf8");
  const folders = readdirSync(join(root, "bff/src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders.filter(({ name }) => name !== "cli")) expect(lint).toContain(`"bff/src/${name}/**"`);
});

it("docs/architecture.md names a file of its rules only if another file imports it", () => {
  const rules = page.slice(page.indexOf("## Which file"), page.indexOf("## How to"));
  const named = [...rules.matchAll(/`([\w/-]+\.ts)`/g)].map(([, file = ""]) => join(root, "bff/src", file));
  const imported = new Set(sourcesOf("bff/src").flatMap((file) => importsOf(file).map(({ target }) => target)));
  const unused = named.filter((file) => !imported.has(file) || !/^export /m.test(readFileSync(file, "utf8")));
  expect(unused.map((file) => relative(root, file))).toEqual([]);
});

/** Folder of each package, with the packages whose sources it may import; tests may import more. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  bff: [],
  "packages/client": [],
  "packages/react": ["client"],
  spa: ["client", "react"],
  "packages/testing": [],
  "packages/vite": ["testing"],
  // Its templates are the sources of other projects.
  "packages/create-cloakroom": ["gateway", "client", "react", "testing", "vite"],
  demo: ["gateway", "testing"],
  testkit: ["gateway", "testing", "demo"],
  e2e: ["gateway", "client", "testing", "demo", "testkit"],
  "e2e-keycloak": ["gateway", "testing", "demo", "testkit"],
  tools: ["gateway", "testing", "demo", "testkit"],
  scripts: ["gateway", "testing", "demo", "testkit", "tools"],
  deploy: ["gateway", "testing", "demo", "testkit"],
};
const packages = Object.keys(MAY_IMPORT);
const packageOf = (file: string) => packages.find((name) => file.startsWith(join(root, name, "/")));

it("every workspace is a package whose imports are checked", () => {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { workspaces: string[] };
  const folders = globSync(workspaces, { cwd: root }).filter((name) => existsSync(join(root, name, "package.json")));
  expect(folders.filter((name) => !packages.includes(name))).toEqual([]);
});

it("packages import other packages by name, not by a relative path", () => {
  const crossing = packages.flatMap(sourcesOf).flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => target !== undefined && packageOf(target) !== packageOf(file))
      .map(({ specifier }) => `${relative(root, file)}: ${specifier}`),
  );
  expect(crossing).toEqual([]);
});

it("packages import only the packages below them", () => {
  const against = packages.flatMap((name) =>
    sourcesOf(name)
      .filter((file) => !/^(test|scripts)\//.test(relative(join(root, name), file)))
      .flatMap((file) =>
        importsOf(file)
          .map(({ specifier }) => /^@cloakroom\/([\w-]+)/.exec(specifier)?.[1])
          .filter((other) => other !== undefined && !isOwn(name, other) && !MAY_IMPORT[name]?.includes(other))
          .map((other) => `${relative(root, file)}: @cloakroom/${other}`),
      ),
  );
  expect(against).toEqual([]);
});

const isOwn = (folder: string, name: string) =>
  folder === name || (folder === "bff" && name === "gateway") || folder === `packages/${name}`;

function sourcesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/\/(node_modules|dist)\//.test(file));
}

/** `target`: the imported file, of a relative import. */
function importsOf(file: string): { specifier: string; target: string | undefined }[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^(?:import|export)\b[^;"]*?"([^"]+)"|\bimport\("([^"]+)"\)/gm)].map(
    ([, named, dynamic]) => {
      const specifier = named ?? dynamic ?? "";
      return { specifier, target: /^\..*\.(ts|tsx|mjs)$/.test(specifier) ? join(dirname(file), specifier) : undefined };
    },
  );
}
