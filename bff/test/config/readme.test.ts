// The README's list of middleware and its table of endpoints against app.ts.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const endpoints = readFileSync(join(root, "docs/reference/http-endpoints.md"), "utf8");
const app = readFileSync(join(root, "bff/src/app.ts"), "utf8");
const section = readme.slice(readme.indexOf("## How a request travels"), readme.indexOf("## Where things are"));

it("the README lists the middleware of app.ts in the same order", () => {
  const [request = ""] = section.split("And a login:");
  const listed = [...request.matchAll(/^\d+\. `([\w/.-]+\.ts)`/gm)].map(([, file]) => file);
  const importedFrom = (name: string) =>
    new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from "\\./([^"]+)"`).exec(app)?.[1];
  const mounted = [...app.matchAll(/app\.use\((\w+)\(/g)].map(([, name]) => importedFrom(name!));
  expect(listed.length).toBeGreaterThan(4);
  expect(mounted.slice(0, listed.length)).toEqual(listed);
});

it("the README names only files that exist", () => {
  for (const [, file = ""] of section.matchAll(/`([\w/-]+\.ts)`/g)) {
    const path = file.startsWith("bff/") ? file : `bff/src/${file}`;
    expect(existsSync(join(root, path)), file).toBe(true);
  }
});

it("the README and the endpoint reference list every route of /bff", () => {
  for (const [, method = "", path = ""] of app.matchAll(/\.(get|post|delete)\(\s*"(\/[^"]+)"/g))
    for (const page of [readme, endpoints]) expect(page).toContain(`\`${method.toUpperCase()} ${path}\``);
});
