// npm run setup and the check for missing programs at the start of the test commands, with a fake apt-get.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { mayInstallUnasked } from "@cloakroom/testkit/install-programs.ts";

/** The only folder on PATH. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cloakroom-setup-"));
  symlinkSync("/usr/bin/env", join(folder, "env"));
  addProgram("sudo", 'exec "$@"');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function addProgram(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Records its arguments; `install redis-server` creates the program. */
function addAptGet(): void {
  addProgram(
    "apt-get",
    `echo "$@" >>${folder}/calls\ncase "$*" in *install*redis-server*) echo >${folder}/redis-server; /bin/chmod +x ${folder}/redis-server;; esac`,
  );
}

function run(script: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts", script), ...args], {
    env: { PATH: folder, HOME: folder, CHROMIUM: "/bin/true", CADDY: "/bin/true", ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const installed = () => existsSync(join(folder, "redis-server"));

describe("npm run setup", () => {
  it("npm run setup installs missing programs with apt-get", () => {
    addAptGet();
    expect(run("setup.ts", ["redis"])).toMatchObject({ status: 0 });
    expect(installed()).toBe(true);
    expect(readFileSync(join(folder, "calls"), "utf8").trim().split("\n")).toEqual([
      "-q update",
      "-q install -y --no-install-recommends redis-server",
    ]);
  });

  it("npm run setup installs nothing if all programs are installed", () => {
    addAptGet();
    addProgram("redis-server", "");
    expect(run("setup.ts", ["redis"])).toMatchObject({ status: 0, stdout: "All programs are installed.\n" });
    expect(existsSync(join(folder, "calls"))).toBe(false);
  });

  it("npm run setup fails and names the package if a required program cannot be installed", () => {
    const { status, stderr } = run("setup.ts", ["redis"]);
    expect([status, stderr]).toEqual([1, "Not installed: redis. Debian packages: redis-server.\n"]);
  });

  it("npm run setup succeeds and names the package if an optional program cannot be installed", () => {
    const { status, stderr } = run("setup.ts", ["xvfb"]);
    expect([status, stderr]).toEqual([0, "Not installed: xvfb. Debian packages: xvfb.\n"]);
  });

  it("npm run setup rejects an unknown program", () => {
    expect(run("setup.ts", ["apache"])).toMatchObject({ status: 1, stderr: expect.stringMatching(/^Unknown program/) });
  });
});

describe("npm test", () => {
  it("npm test exits with one sentence if Redis is missing and cannot be installed", () => {
    const { status, stderr } = run("test.ts");
    expect(status).toBe(1);
    expect(stderr).toBe("Redis is missing: run `npm run setup` (Debian: apt-get install redis-server).\n");
  });

  it.each<[boolean, string, Partial<Parameters<typeof mayInstallUnasked>[0]>]>([
    [true, "under CI", { env: { CI: "true" } }],
    [true, "as root in a container", { isRoot: true, isContainer: true }],
    [true, "as root without a terminal", { isRoot: true, isTty: false }],
    [false, "as root on a terminal", { isRoot: true }],
    [false, "as a user on a terminal", {}],
    [false, "as a user without a terminal", { isTty: false }],
    [false, "as a user in a container", { isContainer: true }],
  ])("npm test may install programs unasked: %s, %s", (expected, _where, machine) => {
    const defaults = { env: {}, isRoot: false, isTty: true, isContainer: false };
    expect(mayInstallUnasked({ ...defaults, ...machine })).toBe(expected);
  });
});
