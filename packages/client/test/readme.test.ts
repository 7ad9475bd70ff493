// The examples in README.md are the files of test/examples, which `npm run check` type-checks.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "examples");
const files = globSync("*.ts", { cwd: folder }).map((name) => readFileSync(join(folder, name), "utf8").trim());
const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = ""]) => text.trim());

test("README.md shows every example as it is type-checked, and no other TypeScript", () => {
  expect(blocks.toSorted()).toEqual(files.toSorted());
});
