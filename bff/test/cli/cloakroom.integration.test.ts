// The command line `cloakroom`: which commands it knows, and what it says about others.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const bff = join(import.meta.dirname, "../..");
const { bin } = JSON.parse(readFileSync(join(bff, "package.json"), "utf8")) as { bin: { cloakroom: string } };

function cloakroom(...args: string[]) {
  const env = { PATH: process.env["PATH"] ?? "" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(bff, bin.cloakroom), ...args], {
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

it.each([[], ["--help"], ["help"]])("cloakroom %s lists its commands", (...args: string[]) => {
  const { status, stdout } = cloakroom(...args.filter((argument) => typeof argument === "string"));
  expect(status).toBe(0);
  expect(stdout).toMatch(/start .*\n.*init .*\n.*check .*\n.*sessions /);
});

it.each(["check", "init", "sessions"])("cloakroom %s --help shows how the package is called", (name) => {
  const { status, stdout } = cloakroom(name, "--help");
  expect(status).toBe(0);
  expect(stdout).toMatch(new RegExp(`^  cloakroom ${name} `, "m"));
  expect(stdout).not.toContain("npm run");
});

it("cloakroom sessions names its help after a usage error", () => {
  expect(cloakroom("sessions", "list")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^--subject .*\nSee: cloakroom sessions --help\n$/) as string,
  });
});

it("an unknown command exits with 2 and the list of commands", () => {
  const { status, stderr } = cloakroom("stop");
  expect(status).toBe(2);
  expect(stderr).toMatch(/^Unknown command: stop\n[\s\S]*start /);
});

it("cloakroom start without settings exits with 78 and names what is missing", () => {
  const { status, stderr } = cloakroom("start");
  expect(status).toBe(78);
  expect(stderr).toContain("OIDC_ISSUER");
});

it.each([["--config", "/nowhere.yaml"], ["--config=/nowhere.yaml"]])(
  "cloakroom start %s %s reads the file",
  (...args) => {
    const { status, stderr } = cloakroom("start", ...args);
    expect(status).toBe(78);
    expect(stderr).toContain("--config (CLOAKROOM_CONFIG) names a file that cannot be read (ENOENT)");
  },
);

it.each([["--config"], ["--confg=x"], ["--config", "a.yaml", "b.yaml"]])(
  "cloakroom start %s is a usage error",
  (...args) => {
    expect(cloakroom("start", ...args)).toMatchObject({
      status: 2,
      stderr: "Usage: cloakroom start [--config FILE]\n",
    });
  },
);

it("cloakroom sessions passes its arguments on", () => {
  const { status, stdout } = cloakroom("sessions", "--help");
  expect(status).toBe(0);
  expect(stdout).toContain("end-user");
});
