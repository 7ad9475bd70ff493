// The messages that docs/guides/troubleshooting.md quotes against the texts in the source.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/guides/troubleshooting.md"), "utf8");
const source = globSync("bff/src/**/*.ts", { cwd: root })
  .map((file) => readFileSync(join(root, file), "utf8"))
  .join("\n");

const section = (title: string) => new RegExp(`^## ${title}$([\\s\\S]*?)^## `, "m").exec(page)?.[1] ?? "";

/** Messages in the source contain placeholders for settings and values: the longest text between them is compared. */
const fixedPart = (message: string) =>
  message.split(/…|[A-Z][A-Z_]{3,}/).toSorted((a, b) => b.length - a.length)[0] ?? "";

it("troubleshooting.md quotes messages as the source writes them", () => {
  const quoted = ["Start", "Provider"].flatMap((title) =>
    [...section(title).matchAll(/^\| `([^`]+ [^`]+)`/gm)].map(([, message = ""]) => message),
  );
  expect(quoted.length).toBeGreaterThan(8);
  expect(quoted.filter((message) => !source.includes(fixedPart(message)))).toEqual([]);
});
