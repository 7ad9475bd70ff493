// Files of a new project: complete, filled in, and never in place of others.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createProject, CreateError, type ProjectOptions } from "../src/create-project.ts";
import { ownPackages } from "../src/manifest.ts";
import { fillIn, TEMPLATES, templateFiles } from "../src/template-files.ts";

const SHARED = [
  ".dockerignore",
  ".env.example",
  ".gitignore",
  "Dockerfile",
  "README.md",
  "cloakroom.yaml",
  "compose.yaml",
  "index.html",
  "playwright.config.ts",
  "public/favicon.svg",
  "src/style.css",
  "tests/login.spec.ts",
  "tsconfig.json",
  "vite.config.ts",
];
const FILES = { react: ["src/app.tsx", "src/main.tsx"], vanilla: ["src/main.ts"] };
/** Written for each project. */
const GENERATED = [".env", "package.json"];

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "create cloakroom "));
});
afterEach(() => rmSync(parent, { recursive: true }));

function create(changes: Partial<ProjectOptions> = {}): string {
  const folder = changes.folder ?? join(parent, "app");
  createProject({ name: "app", template: "react", manager: "npm", ...changes, folder });
  return folder;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}

/** Of the packages that a project installs. */
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
  version: string;
};

const json = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string>>;

describe.each(TEMPLATES)("template %s", (template) => {
  test("contains exactly the listed files", () => {
    expect(templateFiles(template).map(({ path }) => path)).toEqual([...SHARED, ...FILES[template]].toSorted());
  });

  test("creates all files without a placeholder", () => {
    const folder = create({ template });
    expect(filesBelow(folder)).toEqual([...SHARED, ...FILES[template], ...GENERATED].toSorted());
    for (const file of filesBelow(folder))
      expect(readFileSync(join(folder, file), "utf8")).not.toMatch(/\{\{|\}\}\s*$/);
  });

  test("depends on Cloakroom's packages in the version of this package", () => {
    const folder = create({ template });
    const { version } = json(join(import.meta.dirname, "../package.json")) as unknown as { version: string };
    const { dependencies, devDependencies } = json(join(folder, "package.json"));
    const all = { ...dependencies, ...devDependencies };
    for (const name of ownPackages(template)) expect(all[name]).toBe(version);
  });
});

test("each project has its own secret key, readable by its owner only", () => {
  const keys = ["a", "b"].map((name) => {
    const folder = create({ folder: join(parent, name) });
    expect(statSync(join(folder, ".env")).mode & 0o077).toBe(0);
    return readFileSync(join(folder, ".env"), "utf8");
  });
  expect(keys[0]).toMatch(/^SECRET_KEYS=[\w-]{43}\n$/);
  expect(keys[0]).not.toBe(keys[1]);
  expect(readFileSync(join(parent, "a", ".gitignore"), "utf8").split("\n")).toContain(".env");
});

test("YAML files are valid and cloakroom.yaml names no secret", () => {
  const folder = create();
  for (const file of ["cloakroom.yaml", "compose.yaml"])
    expect(parse(readFileSync(join(folder, file), "utf8"))).toBeTypeOf("object");
  expect(parse(readFileSync(join(folder, "cloakroom.yaml"), "utf8"))).toMatchObject({
    provider: { issuer: "${OIDC_ISSUER}", clientSecret: "${OIDC_CLIENT_SECRET}" },
    secretKeys: ["${SECRET_KEYS}"],
  });
});

test("the README has the commands of the package manager", () => {
  const folder = create({ manager: "pnpm" });
  expect(readFileSync(join(folder, "README.md"), "utf8")).toContain("pnpm install\npnpm dev\n");
});

test.each([
  ["npm", []],
  ["pnpm", []],
  // Plug'n'Play is Yarn's default since version 2.
  ["yarn", [[".yarnrc.yml", "nodeLinker: node-modules\n"]]],
  ["bun", []],
] as const)("a project of %s has the files that its package manager needs", (manager, expected) => {
  const folder = create({ manager });
  const others = filesBelow(folder).filter((file) => ![...SHARED, ...FILES.react, ...GENERATED].includes(file));
  expect(others.map((file) => [file, readFileSync(join(folder, file), "utf8")])).toEqual(expected);
});

test.each([
  [
    "a file",
    (folder: string) => writeFileSync(join(folder, "notes.txt"), "mine"),
    /is not empty: it contains notes.txt/,
  ],
  ["a hidden file", (folder: string) => writeFileSync(join(folder, ".env"), "mine"), /is not empty: it contains .env/],
  ["a folder", (folder: string) => mkdirSync(join(folder, "src")), /is not empty: it contains src/],
])("a folder with %s is rejected and unchanged", (_case, prepare, message) => {
  const folder = join(parent, "app");
  mkdirSync(folder);
  prepare(folder);
  const before = readdirSync(folder);
  expect(() => create()).toThrow(CreateError);
  expect(() => create()).toThrow(message);
  expect(readdirSync(folder)).toEqual(before);
});

test("a file in place of the folder is rejected and unchanged", () => {
  writeFileSync(join(parent, "app"), "mine");
  expect(() => create()).toThrow(/app is a file. Choose another folder/);
  expect(readFileSync(join(parent, "app"), "utf8")).toBe("mine");
});

test("an empty folder and a new repository are accepted", () => {
  mkdirSync(join(parent, "app", ".git"), { recursive: true });
  expect(filesBelow(create())).toContain("package.json");
});

describe("with --packages", () => {
  const ownOf = (specifiers: Record<string, string> = {}) =>
    Object.fromEntries(Object.entries(specifiers).filter(([name]) => name.startsWith("@cloakroom/")));

  const tarballs = (names: readonly string[]): string => {
    const folder = join(parent, "tarballs");
    mkdirSync(folder);
    for (const name of names) writeFileSync(join(folder, `${name.slice(1).replace("/", "-")}-${version}.tgz`), name);
    return folder;
  };

  // Where each package manager reads that a package is replaced wherever it is required. npm does not need it.
  test.each([
    ["npm", undefined, ""],
    // The member `pnpm` of package.json is ignored since version 11.
    ["pnpm", "pnpm-workspace.yaml", "overrides"],
    ["yarn", "package.json", "resolutions"],
    ["bun", "package.json", "resolutions"],
  ] as const)("%s installs all packages from copies in the project", (manager, file, member) => {
    const folder = create({ manager, packages: tarballs(ownPackages("react")) });
    const created = json(join(folder, "package.json"));
    const specifiers = Object.values({ ...created["dependencies"], ...created["devDependencies"] });
    const own = specifiers.filter((each) => each.startsWith("file:"));
    expect(own).toHaveLength(ownPackages("react").length);
    for (const each of own) expect(filesBelow(folder)).toContain(each.slice("file:".length));
    const replaced = (name: string) =>
      (parse(readFileSync(join(folder, name), "utf8")) as Record<string, unknown>)[member];
    if (file !== undefined)
      expect(replaced(file)).toEqual({ ...created["dependencies"], ...ownOf(created["devDependencies"]) });
    expect(readFileSync(join(folder, "Dockerfile"), "utf8")).toContain("COPY vendor ./vendor\n");
  });

  test("a missing tarball is named, and nothing is created", () => {
    const packages = tarballs(ownPackages("react").filter((name) => name !== "@cloakroom/vite"));
    expect(() => create({ packages })).toThrow(`does not contain cloakroom-vite-${version}.tgz.`);
    expect(readdirSync(parent)).toEqual(["tarballs"]);
  });
});

test("a placeholder without a value is an error", () => {
  expect(fillIn("{{name}}: ${NAME}", { name: "app" })).toBe("app: ${NAME}");
  expect(() => fillIn("{{nmae}}", { name: "app" })).toThrow("No value for {{nmae}}.");
});
