// docs/architecture.md against the tree: files that it names exist, and its layers are those that lint enforces.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
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

it("lint restricts the imports of every folder of bff/src", () => {
  const lint = readFileSync(join(root, ".oxlintrc.json"), "utf8");
  const folders = readdirSync(join(root, "bff/src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders.filter(({ name }) => name !== "cli")) expect(lint).toContain(`"bff/src/${name}/**"`);
});
