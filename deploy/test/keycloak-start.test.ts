// start.sh, the entry point of the Keycloak image: required settings, secrets from files, arguments.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "cloakroom-start-"));
const secrets = join(folder, "secrets");
const script = join(import.meta.dirname, "..", "keycloak", "start.sh");
const SECRETS = ["database_password", "bootstrap_admin_password", "client_secret", "alice_password", "admin_password"];

beforeAll(() => {
  mkdirSync(join(folder, "bin"));
  // A fake kc.sh that prints its arguments and environment.
  writeFileSync(join(folder, "bin", "kc.sh"), '#!/bin/bash\necho "$@"\nenv | grep -E "^(KC|CLOAKROOM)_" | sort\n');
  chmodSync(join(folder, "bin", "kc.sh"), 0o755);
});
beforeEach(() => {
  rmSync(secrets, { recursive: true, force: true });
  mkdirSync(secrets);
  for (const name of SECRETS) writeFileSync(join(secrets, name), `value of ${name}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const complete = {
  CLOAKROOM_ORIGIN: "https://app.example",
  CLOAKROOM_BACKCHANNEL_ORIGIN: "http://gateway:3000",
  KC_HOSTNAME: "https://id.example",
  KC_PROXY_HEADERS: "xforwarded",
  KC_PROXY_TRUSTED_ADDRESSES: "172.30.77.2",
};
function start(env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync("/bin/bash", [script, ...args], {
    env: { PATH: process.env["PATH"] ?? "", KEYCLOAK_HOME: folder, SECRETS_FOLDER: secrets, ...env },
    encoding: "utf8",
  });
  return { status, stderr, lines: stdout.trim().split("\n") };
}

it("start.sh starts the server with the realm import and all secrets", () => {
  const { status, lines } = start(complete);
  expect(status).toBe(0);
  expect(lines[0]).toBe("start --optimized --import-realm");
  expect(lines).toContain("KC_DB_PASSWORD=value of database_password");
  expect(lines).toContain("KC_BOOTSTRAP_ADMIN_PASSWORD=value of bootstrap_admin_password");
  expect(lines).toContain("CLOAKROOM_CLIENT_SECRET=value of client_secret");
});

it("start.sh runs the given kc.sh command instead of the server", () => {
  const { lines } = start(complete, "export", "--dir=/export", "--realm=demo");
  expect(lines[0]).toBe("export --optimized --dir=/export --realm=demo");
});

it.each(SECRETS)("start.sh exits with 78 without the secret %s", (name) => {
  writeFileSync(join(secrets, name), "");
  const { status, stderr } = start(complete);
  expect([status, stderr.includes(`secrets/${name} is missing or empty`)]).toEqual([78, true]);
});

it.each(["CLOAKROOM_ORIGIN", "CLOAKROOM_BACKCHANNEL_ORIGIN", "KC_HOSTNAME"])(
  "start.sh exits with 78 without %s",
  (name) => {
    const { status, stderr } = start({ ...complete, [name]: "" });
    expect([status, stderr.includes(name)]).toEqual([78, true]);
  },
);

it.each([
  ["CLOAKROOM_ORIGIN", "https://app.example/"],
  ["CLOAKROOM_ORIGIN", "https://app.example/app"],
  ["CLOAKROOM_ORIGIN", "app.example"],
  ["CLOAKROOM_ORIGIN", 'https://app.example","https://evil.example'],
  ["CLOAKROOM_BACKCHANNEL_ORIGIN", "http://gateway:3000/"],
])("start.sh exits with 78 if %s is %s, which is not an origin", (name, value) => {
  const { status, stderr } = start({ ...complete, [name]: value });
  expect([status, stderr.includes(`${name} must be an origin`)]).toEqual([78, true]);
});

it.each(["http://localhost:3000", "https://[::1]:8443", "https://app.example"])(
  "start.sh accepts the origin %s",
  (origin) => expect(start({ ...complete, CLOAKROOM_ORIGIN: origin }).status).toBe(0),
);

it("start.sh names an export folder that is not writable, and how to create it", () => {
  const { status, stderr } = start(complete, "export", "--dir=/dev/null/export", "--realm=demo");
  expect(status).toBe(78);
  expect(stderr).toMatch(/cannot write to \/dev\/null\/export.*mkdir -p export/);
  expect(start(complete, "export", `--dir=${join(folder, "export")}`).status).toBe(0);
});

it("start.sh exits with 78 if proxy headers are enabled without a trusted address", () => {
  const { status, stderr } = start({ ...complete, KC_PROXY_TRUSTED_ADDRESSES: "" });
  expect([status, stderr.includes("would trust X-Forwarded-* from any address")]).toEqual([78, true]);
});

it("start.sh unsets the proxy options if KC_PROXY_HEADERS is empty", () => {
  const { status, lines } = start({ ...complete, KC_PROXY_HEADERS: "" });
  expect(status).toBe(0);
  expect(lines.filter((line) => line.startsWith("KC_PROXY"))).toEqual([]);
});
