// Relative links in the Markdown files: the file exists, and so does the heading that a fragment names.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const files = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], { cwd: root })
  .stdout.toString()
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

const withoutCode = (text: string) => text.replaceAll(/```[\s\S]*?```/g, "");
const read = (file: string) => withoutCode(readFileSync(join(root, file), "utf8"));

/** The fragment that GitHub makes of a heading: lower case, without punctuation, hyphens for spaces. */
const fragmentOf = (heading: string) =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

const fragmentsOf = (file: string) =>
  new Set([...read(file).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => fragmentOf(heading)));

const links = files.flatMap((file) =>
  [
    ...read(file)
      .replaceAll(/`[^`\n]*`/g, "")
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, target = ""]) => ({ file, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target)),
);

describe("Markdown files", () => {
  it("Markdown files link only to files that exist", () => {
    expect(links.length).toBeGreaterThan(50);
    const broken = links.filter(({ file, target }) => {
      const [path = ""] = target.split("#");
      return path !== "" && !existsSync(join(root, dirname(file), path));
    });
    expect(broken).toEqual([]);
  });

  it("Markdown files link only to headings that exist", () => {
    const broken = links.filter(({ file, target }) => {
      const [path = "", fragment] = target.split("#");
      if (fragment === undefined) return false;
      const page = path === "" ? file : normalize(join(dirname(file), path));
      return page.endsWith(".md") && existsSync(join(root, page)) && !fragmentsOf(page).has(fragment);
    });
    expect(broken).toEqual([]);
  });

  it("Markdown files name only source files that exist", () => {
    // Decision records keep the file names of their date.
    const pages = files.filter(
      (file) => /^(README|SECURITY|docs\/.+)\.md$/.test(file) && !/^docs\/decisions\//.test(file),
    );
    const named = pages.flatMap((file) =>
      [...read(file).matchAll(/`((?:[\w.@-]+\/)+[\w.-]+\.(?:tsx?|sh|json|ya?ml|env))`/g)].map(([, path = ""]) => ({
        file,
        path,
      })),
    );
    expect(named.length).toBeGreaterThan(50);
    const exists = (path: string) =>
      ["", "bff/src", "e2e/engines"].some((folder) => existsSync(join(root, folder, path)));
    expect(named.filter(({ path }) => !exists(path)).map(({ file, path }) => `${file}: ${path}`)).toEqual([]);
  });

  it("Markdown files below docs/ are all listed in the index of the documentation", () => {
    const linked = new Set(
      links
        .filter(({ file }) => file === "docs/README.md" || file === "docs/decisions/README.md")
        .map(({ file, target }) => normalize(join(dirname(file), target.split("#")[0]!))),
    );
    const pages = files.filter((file) => /^docs\/.+\/.+\.md$/.test(file));
    expect(pages.filter((page) => !linked.has(page))).toEqual([]);
  });
});
