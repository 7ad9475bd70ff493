// The TypeScript examples of the README and of the guide compile against the public entry points.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Inside the workspace, so that packages are found. */
const FOLDER = join(ROOT, "packages/testing/test/examples.tmp");
const DOCUMENTS = ["packages/testing/README.md", "docs/guides/test-your-app.md"];
/** What an example imports from the reader's own app. */
const START_API = `export declare function startApi(of: { issuer: string; audience: string }): Promise<{
  url: string;
  stop: () => Promise<void>;
}>;
`;

beforeAll(() => mkdirSync(FOLDER, { recursive: true }));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const examplesIn = (document: string): string[] =>
  [...readFileSync(join(ROOT, document), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);

test("every example compiles, and imports public entry points only", { timeout: 120_000 }, () => {
  const examples = DOCUMENTS.flatMap(examplesIn);
  expect(examples.length).toBeGreaterThanOrEqual(8);
  const manifest = JSON.parse(readFileSync(join(ROOT, "packages/testing/package.json"), "utf8")) as { exports: object };
  const entries = Object.keys(manifest.exports).filter((entry) => !entry.includes("*"));
  for (const [, entry = ""] of examples.join("").matchAll(/from "@cloakroom\/testing(\/[^"]+)"/g))
    expect(entries).toContain(`.${entry}`);
  for (const [at, code] of examples.entries()) writeFileSync(join(FOLDER, `example-${at}.ts`), code);
  writeFileSync(join(FOLDER, "start-api.ts"), START_API);
  const compilerOptions = { noUnusedLocals: false, lib: ["es2024"] };
  const config = { extends: "../../../../tsconfig.base.json", compilerOptions, include: ["*.ts"] };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", FOLDER],
    {
      encoding: "utf8",
    },
  );
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
