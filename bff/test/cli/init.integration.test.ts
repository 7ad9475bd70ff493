// `cloakroom init`: what it writes, that `cloakroom check` accepts it, and that it overwrites nothing.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";

const BIN = join(import.meta.dirname, "../../bin/cloakroom.mjs");
const newFolder = () => mkdtempSync(join(tmpdir(), "cloakroom-init-"));

function cloakroom(cwd: string, ...args: string[]) {
  const env = { PATH: process.env["PATH"] ?? "", NODE_NO_WARNINGS: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], { cwd, env, encoding: "utf8" });
  return { status, stdout, stderr };
}

const ISSUER = ["--issuer", "https://id.example.com/realms/shop", "--client-id", "shop"];

it.each<[string, string[], object]>([
  ["the fewest flags", [], { origin: "http://localhost:3000" }],
  [
    "all flags",
    [
      "--origin",
      "https://shop.example.com",
      "--upstream",
      "/api=http://orders:8000",
      "--upstream=/api/v2=http://v2:1/x",
    ],
    {
      origin: "https://shop.example.com",
      upstreams: [
        { prefix: "/api", baseUrl: "http://orders:8000" },
        { prefix: "/api/v2", baseUrl: "http://v2:1/x" },
      ],
    },
  ],
])("with %s the written configuration is valid", (_title, args, expected) => {
  const folder = newFolder();
  const { status, stdout, stderr } = cloakroom(folder, "init", ...ISSUER, ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("/bff/callback");
  const text = readFileSync(join(folder, "cloakroom.yaml"), "utf8");
  expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/node_modules\/@cloakroom\/gateway\/schema\//);
  expect(parse(text)).toMatchObject({ ...expected, provider: { issuer: ISSUER[1], clientId: "shop" } });
  expect(cloakroom(folder, "check", "--config", "cloakroom.yaml")).toMatchObject({ status: 0, stderr: "" });
});

it("every settings line that is commented out is valid", () => {
  const folder = newFolder();
  cloakroom(folder, "init", ...ISSUER);
  const file = join(folder, "cloakroom.yaml");
  const text = readFileSync(file, "utf8").replaceAll(/^# (?=upstreams:| {2}|redis:)/gm, "");
  writeFileSync(file, text);
  expect(parse(text)).toMatchObject({ upstreams: [{ prefix: "/api" }], redis: { url: "redis://localhost:6379" } });
  expect(cloakroom(folder, "check", "--config", "cloakroom.yaml").stderr).toBe("");
});

it("secrets are readable by their owner only, ignored by git, and not printed", () => {
  const folder = newFolder();
  const { stdout } = cloakroom(folder, "init", ...ISSUER);
  const key = readFileSync(join(folder, "secrets/session-keys"), "utf8").trim();
  expect(key).toMatch(/^[\w-]{43}$/);
  expect(stdout).not.toContain(key);
  expect(readFileSync(join(folder, "cloakroom.yaml"), "utf8")).not.toContain(key);
  for (const name of ["session-keys", "client-secret"])
    expect(statSync(join(folder, "secrets", name)).mode & 0o077).toBe(0);
  expect(readFileSync(join(folder, "secrets/.gitignore"), "utf8")).toBe("*\n");
});

it("an existing cloakroom.yaml is kept, and nothing else is written", () => {
  const folder = newFolder();
  writeFileSync(join(folder, "cloakroom.yaml"), "mine");
  const { status, stderr } = cloakroom(folder, "init", ...ISSUER);
  expect([status, stderr]).toEqual([1, "cloakroom.yaml exists. Nothing was written.\n"]);
  expect(readdirSync(folder)).toEqual(["cloakroom.yaml"]);
  expect(readFileSync(join(folder, "cloakroom.yaml"), "utf8")).toBe("mine");
});

it("existing keys are kept: another key would end the sessions", () => {
  const folder = newFolder();
  cloakroom(folder, "init", ...ISSUER);
  const key = readFileSync(join(folder, "secrets/session-keys"), "utf8");
  const second = newFolder();
  cloakroom(second, "init", ...ISSUER);
  expect(readFileSync(join(second, "secrets/session-keys"), "utf8")).not.toBe(key);
  spawnSync("rm", [join(folder, "cloakroom.yaml")]);
  const { status, stdout } = cloakroom(folder, "init", ...ISSUER);
  expect([status, stdout.split("\n", 1)[0]]).toEqual([0, "Written: cloakroom.yaml"]);
  expect(readFileSync(join(folder, "secrets/session-keys"), "utf8")).toBe(key);
});

it.each<[string, string[], RegExp]>([
  ["no issuer", ["--client-id", "shop"], /--issuer and --client-id are required/],
  ["an unknown option", [...ISSUER, "--isuer", "x"], /isuer/],
  [
    "an issuer with a path of the discovery document",
    ["--issuer", "https://id.example/.well-known/x", "--client-id", "a"],
    /provider\.issuer must be the issuer itself/,
  ],
  ["an origin with a path", [...ISSUER, "--origin", "https://shop.example/"], /origin must be an origin/],
  ["an origin over http", [...ISSUER, "--origin", "http://shop.example"], /origin must be https/],
  ["an upstream without a prefix", [...ISSUER, "--upstream", "http://orders"], /upstreams\[0\]/],
  [
    "two upstreams with one prefix",
    [...ISSUER, "--upstream=/a=http://b", "--upstream=/a=http://c"],
    /also that of row 1/,
  ],
  ["text that would add settings", [...ISSUER, "--origin", "http://localhost\nworkers: 2"], /origin/],
])("%s is a usage error and writes nothing", (_title, args, sentence) => {
  const folder = newFolder();
  const { status, stderr } = cloakroom(folder, "init", ...args);
  expect([status, stderr]).toEqual([2, expect.stringMatching(sentence)]);
  expect(readdirSync(folder)).toEqual([]);
});

it("--help lists the flags", () => {
  const { status, stdout } = cloakroom(newFolder(), "init", "--help");
  expect([status, stdout]).toEqual([0, expect.stringMatching(/--issuer[\s\S]*--upstream/)]);
});
