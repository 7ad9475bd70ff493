// The README tells the way of a request; app.ts is that way. Neither may change without the other.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const app = readFileSync(join(root, "bff/src/app.ts"), "utf8");
const section = readme.slice(readme.indexOf("## How a request travels"), readme.indexOf("## Where things are"));

it("the README and app.ts tell the same way of a request", () => {
  const [request = ""] = section.split("And a login:");
  const told = [...request.matchAll(/^\d+\. `([\w/.-]+\.ts)`/gm)].map(([, file]) => file);
  const importedFrom = (name: string) =>
    new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from "\\./([^"]+)"`).exec(app)?.[1];
  const mounted = [...app.matchAll(/app\.use\((\w+)\(/g)].map(([, name]) => importedFrom(name!));
  expect(told.length).toBeGreaterThan(4);
  expect(mounted.slice(0, told.length)).toEqual(told);
});

it("every file that the README names is there", () => {
  for (const [, file = ""] of section.matchAll(/`([\w/-]+\.ts)`/g)) {
    const path = file.startsWith("bff/") ? file : `bff/src/${file}`;
    expect(existsSync(join(root, path)), file).toBe(true);
  }
  for (const [, path = ""] of readme.matchAll(/\]\((docs\/[^)]+)\)/g))
    expect(existsSync(join(root, path)), path).toBe(true);
});

it("the README's table of endpoints knows every route", () => {
  for (const [, method = "", path = ""] of app.matchAll(/\.(get|post|delete)\("(\/[^"]+)"/g))
    expect(readme).toContain(`\`${method.toUpperCase()} /bff${path}\``);
});
