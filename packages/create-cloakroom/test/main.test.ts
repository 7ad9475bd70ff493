// The command: options, variables of npm, the question, exit codes and messages.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { main, type Terminal } from "../src/main.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "create cloakroom "));
});
afterEach(() => rmSync(cwd, { recursive: true }));

async function run(args: readonly string[], terminal: Partial<Pick<Terminal, "env" | "ask">> = {}) {
  let out = "";
  let error = "";
  const code = await main(args, {
    out: (text) => (out += text),
    error: (text) => (error += text),
    ask: undefined,
    cwd,
    env: {},
    ...terminal,
  });
  return { code, out, error };
}

const hasReact = (folder: string) => existsSync(join(cwd, folder, "src/app.tsx"));

test("without arguments and terminal a React app is created in cloakroom-app", async () => {
  const { code, out } = await run([]);
  expect(code).toBe(0);
  expect(hasReact("cloakroom-app")).toBe(true);
  expect(out).toContain("  cd cloakroom-app\n  npm install\n  npm run dev\n");
});

test.each([
  ["an option", ["app", "--template", "vanilla"], {}],
  ["an option with =", ["app", "--template=vanilla"], {}],
  ["an option that npm has taken", ["app"], { npm_config_template: "vanilla" }],
])("%s chooses the template", async (_case, args, env) => {
  expect((await run(args, { env })).code).toBe(0);
  expect(hasReact("app")).toBe(false);
  expect(existsSync(join(cwd, "app/src/main.ts"))).toBe(true);
});

test.each([
  ["pnpm/10.1.0 npm/? node/v22.23.2 linux x64", "pnpm install", "pnpm dev"],
  ["yarn/4.9.0 npm/? node/v22.23.2 linux x64", "yarn", "yarn dev"],
  ["bun/1.3.0 npm/? node/v22.23.2", "bun install", "bun run dev"],
  ["npm/10.9.0 node/v22.23.2 linux x64 workspaces/false", "npm install", "npm run dev"],
  ["unknown/1.0", "npm install", "npm run dev"],
])("%s is given its own commands", async (agent, install, dev) => {
  const { out } = await run(["app"], { env: { npm_config_user_agent: agent } });
  expect(out).toContain(`  ${install}\n  ${dev}\n`);
});

test("only a terminal is asked for the folder, and the default is offered", async () => {
  const questions: string[] = [];
  const ask = (reply: string) => (question: string) => {
    questions.push(question);
    return Promise.resolve(reply);
  };
  await run([], { ask: ask(" shop ") });
  await run([], { ask: ask("") });
  await run(["given"], { ask: ask("other") });
  expect(questions).toEqual(["Folder (cloakroom-app): ", "Folder (cloakroom-app): "]);
  expect(readdirSync(cwd).toSorted()).toEqual(["cloakroom-app", "given", "shop"]);
});

test("a path with spaces is created, named validly and quoted in the next steps", async () => {
  const { out } = await run(["My Shop"]);
  expect(out).toContain('  cd "My Shop"\n');
  expect(JSON.parse(readFileSync(join(cwd, "My Shop/package.json"), "utf8"))).toMatchObject({ name: "my-shop" });
});

test.each(["My Shop", "a$(touch pwned)", "a`touch pwned`", 'a"; touch pwned; "', "a'$HOME", "a!!b", "-x"])(
  "the first of the next steps changes to the folder %s in a shell, and does nothing else",
  async (name) => {
    const { code, out } = await run(["--", name]);
    expect(code).toBe(0);
    const command = /^ {2}(cd .*)$/m.exec(out)?.[1] ?? "";
    const shown = execFileSync("sh", ["-c", `${command} && pwd -P`], { cwd, encoding: "utf8" });
    expect(shown).toBe(`${join(realpathSync(cwd), name)}\n`);
    expect(readdirSync(cwd)).toEqual([name]);
  },
);

test("the current folder needs no cd", async () => {
  const { code, out } = await run(["."]);
  expect(code).toBe(0);
  expect(out).not.toContain("cd ");
});

test.each([
  [["--template", "angular", "app"], "Unknown template angular; known: react, vanilla."],
  [["a", "b"], "Expected one folder, got 2: a, b."],
  [["--tempalte", "react"], "Unknown option '--tempalte'"],
])("%j is a usage error and creates nothing", async (args, message) => {
  const { code, error } = await run(args);
  expect(code).toBe(2);
  expect(error).toContain(message);
  expect(readdirSync(cwd)).toEqual([]);
});

test("a folder that is not empty is rejected with one sentence", async () => {
  writeFileSync(join(cwd, "mine.txt"), "");
  const { code, error, out } = await run(["."]);
  expect([code, out]).toEqual([1, ""]);
  expect(error).toBe(
    `${cwd} is not empty: it contains mine.txt. Choose another folder, or empty this one. Nothing was changed.\n`,
  );
});
