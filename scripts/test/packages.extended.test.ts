// The packed packages, as their users have them: installed into an empty folder, imported, compiled against, and run.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { globSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { formBrowser } from "@cloakroom/testing/form-browser.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { clientRegistration, gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import { startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";
import { packAll } from "../release/pack.ts";
import { publishedPackages, readManifest, type Manifest } from "../release/packages.ts";
import { packageProblems } from "../release/package-problems.ts";

const INSTALL_MS = 240_000;
const packages = publishedPackages(ROOT).map(({ manifest }) => manifest);
const names = packages.map(({ name }) => name);

let consumer: string;
let tarballs: string[];
/** This Node comes first: that of the system may be too old. */
const env = { ...process.env, PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter) };

beforeAll(() => {
  consumer = realpathSync(mkdtempSync(join(tmpdir(), "cloakroom-packages-")));
  tarballs = packAll(join(consumer, "tarballs"));
  writeFileSync(join(consumer, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }\n');
  npm("install", ...tarballs, ...companions());
}, INSTALL_MS);
afterAll(() => rmSync(consumer, { recursive: true, force: true }));

function npm(...args: string[]): void {
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, stderr } = spawnSync("npm", [...args, ...options], { cwd: consumer, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args[0]} failed:\n${stderr}`);
}

/** Peers in the versions that the workspace tests, and the types that a TypeScript project of their users has. */
function companions(): string[] {
  const versions = packages.flatMap(({ devDependencies = {}, peerDependencies = {} }) =>
    Object.entries(devDependencies).filter(
      ([name]) => name in peerDependencies || /^@types\/(?:react|node)/.test(name),
    ),
  );
  const { devDependencies = {} } = readManifest(ROOT);
  return [...versions, ["@types/node", devDependencies["@types/node"] ?? ""]].map(
    ([name, version]) => `${name}@${version}`,
  );
}

const installed = (name: string) => join(consumer, "node_modules", name);

function exportsOf({ name, exports = {} }: Manifest): string[] {
  return Object.keys(exports)
    .filter((key) => !key.includes("*") && !key.endsWith(".json"))
    .map((key) => `${name}${key.slice(1)}`);
}

it(
  "packing again gives the same bytes, whatever the folder",
  () => {
    const second = packAll(join(consumer, "again"), join(ROOT, ".cache", "packages-again"));
    expect(second.map((file) => readFileSync(file))).toEqual(tarballs.map((file) => readFileSync(file)));
  },
  INSTALL_MS,
);

describe.each(names)("%s", (name) => {
  it("contains what a package may contain, and all that it needs", () => {
    const folder = installed(name);
    const paths = globSync("**/{*,.*}", { cwd: folder, withFileTypes: true, exclude: ["node_modules"] })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    const files = new Map(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
    const siblings = new Map(
      names.filter((each) => each !== name).map((each) => [each, readManifest(installed(each))]),
    );
    const problems = packageProblems(
      { manifest: readManifest(folder), files },
      { siblings, machinePaths: [`${ROOT}/`] },
    );
    expect(problems).toEqual([]);
  });

  it("can be imported by Node", () => {
    const specifiers = exportsOf(readManifest(installed(name)));
    const code = specifiers.map((each) => `await import(${JSON.stringify(each)});`).join("\n");
    const { status, stderr } = run(process.execPath, ["--input-type=module", "--eval", code]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

it.each([
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
])("a program with module %s and resolution %s compiles against all exports", (module, moduleResolution) => {
  const specifiers = names.flatMap((name) => exportsOf(readManifest(installed(name))));
  const imports = specifiers.map((each, index) => `import * as module${index} from ${JSON.stringify(each)};`);
  const uses = `export const modules = [${specifiers.map((_, index) => `module${index}`).join(", ")}];`;
  const types = { target: "es2024", lib: ["es2024", "dom", "dom.iterable"], types: ["node"], jsx: "react-jsx" };
  const compilerOptions = { ...types, module, moduleResolution, strict: true, noEmit: true, skipLibCheck: false };
  writeFileSync(join(consumer, "all.ts"), `${imports.join("\n")}\n${uses}\n`);
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["all.ts"] }));
  const { stdout } = run(bin("tsc"), ["-p", "."]);
  // Other packages may have declarations that this compiler rejects.
  expect(
    stdout.split("\n").filter((line) => /^(?:all\.ts|node_modules\/(?:@cloakroom|create-cloakroom)\/)/.test(line)),
  ).toEqual([]);
});

function run(file: string, args: readonly string[], settings: Record<string, string> = {}) {
  return spawnSync(file, args, { cwd: consumer, env: { ...env, ...settings }, encoding: "utf8" });
}

const SETTINGS = {
  PUBLIC_ORIGIN: "https://app.example.com",
  OIDC_ISSUER: "https://login.example.com",
  OIDC_CLIENT_ID: "app",
  OIDC_CLIENT_SECRET: "correct-horse-battery-staple-0123456789",
  SECRET_KEYS: randomBytes(32).toString("base64url"),
  UPSTREAMS: "/api=http://127.0.0.1:8000",
};

describe("the command cloakroom", () => {
  it("the command cloakroom checks valid settings", () => {
    const { status, stdout, stderr } = run("npx", ["--no-install", "cloakroom", "check"], SETTINGS);
    expect(`${stdout}${stderr}`).toContain("https://app.example.com");
    expect(status).toBe(0);
  });

  it("the command cloakroom names an invalid setting", () => {
    const { status, stdout, stderr } = run("npx", ["--no-install", "cloakroom", "check"], { ...SETTINGS, PORT: "no" });
    expect(`${stdout}${stderr}`).toMatch(/\bPORT\b/);
    expect(status).not.toBe(0);
  });
});

describe("cloakroom start", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  const programs: Program[] = [];
  afterAll(async () => {
    for (const each of programs.reverse()) await each.stop();
    await redis.stop();
  });
  const start = (file: string, args: readonly string[], settings: Record<string, string> = {}): Program => {
    const program = startProgram(file, args, settings);
    programs.push(program);
    return program;
  };

  it("cloakroom start serves a login at the provider of @cloakroom/testing, with two workers", async () => {
    const [port, managementPort] = [await freePort(), await freePort()];
    const origin = `http://localhost:${port}`;
    const { OIDC_CLIENT_SECRET: secret } = SETTINGS;
    const clients = [clientRegistration(origin, secret)];
    writeFileSync(join(consumer, "provider.mjs"), PROVIDER_PROGRAM);
    const provider = start(process.execPath, ["provider.mjs", JSON.stringify({ port: 0, passwordCost: 2, clients })]);
    const issuer = await vi.waitFor(() => /^http:\S+/m.exec(provider.output())?.[0] ?? raise(provider), WAIT);
    const gateway = start("npx", ["--no-install", "cloakroom", "start"], {
      ...gatewayEnv({
        ...{ publicOrigin: origin, port, managementPort, issuer, clientSecret: secret, apiUrl: "http://127.0.0.1:1" },
        ...{ redisUrl: redis.url, spaRoot: undefined },
      }),
      WORKERS: "2",
    });
    await vi.waitFor(async () => void ((await isReady(managementPort)) || raise(gateway)), WAIT);

    const browser = formBrowser();
    const [alice = { username: "", password: "" }] = DEMO_USERS;
    const loginPage = await browser.open(`${origin}/bff/login`);
    await browser.submit(loginPage, { username: alice.username, password: alice.password }, /\/login$/);
    const headers = {
      "x-csrf": "1",
      "sec-fetch-site": "same-origin",
      "sec-fetch-mode": "cors",
      "sec-fetch-dest": "empty",
    };
    const { html } = await browser.open(`${origin}/bff/user`, { headers });
    expect(JSON.parse(html)).toMatchObject({ user: { preferred_username: alice.username } });
  }, 120_000);
});

const PROVIDER_PROGRAM = `import { startProvider } from "@cloakroom/testing/provider";
const { issuer } = await startProvider(JSON.parse(process.argv[2]));
console.log(issuer);
`;

type Program = { output: () => string; stop: () => Promise<void> };
const WAIT = { timeout: 60_000, interval: 50 };

/** In a process group of its own: npx runs the command in another process. */
function startProgram(file: string, args: readonly string[], settings: Record<string, string>): Program {
  const child = spawn(file, args, { cwd: consumer, env: { ...env, ...settings }, detached: true });
  const release = child.pid === undefined ? () => undefined : killWithParent(child.pid);
  const ended = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  return {
    output: () => output,
    async stop() {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      await ended;
      release();
    },
  };
}

function raise(program: Program): never {
  throw new Error(`The program is not ready.\n${program.output()}`);
}

async function isReady(managementPort: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${managementPort}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

it("the tarballs are the only files that packing leaves", () => {
  expect(readdirSync(join(consumer, "tarballs")).every((file) => file.endsWith(".tgz"))).toBe(true);
});
