// The entry point of the Keycloak image: what it demands, and what it hands on.
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
  // Stands where Keycloak's own script would, and says what it was given.
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

it("starts the server with the realm and every secret", () => {
  const { status, lines } = start(complete);
  expect(status).toBe(0);
  expect(lines[0]).toBe("start --optimized --import-realm");
  expect(lines).toContain("KC_DB_PASSWORD=value of database_password");
  expect(lines).toContain("KC_BOOTSTRAP_ADMIN_PASSWORD=value of bootstrap_admin_password");
  expect(lines).toContain("CLOAKROOM_CLIENT_SECRET=value of client_secret");
});

it("runs another command of Keycloak's instead", () => {
  const { lines } = start(complete, "export", "--dir=/export", "--realm=demo");
  expect(lines[0]).toBe("export --optimized --dir=/export --realm=demo");
});

it.each(SECRETS)("does not start without the secret %s", (name) => {
  writeFileSync(join(secrets, name), "");
  const { status, stderr } = start(complete);
  expect([status, stderr.includes(`secrets/${name} is missing or empty`)]).toEqual([78, true]);
});

it.each(["CLOAKROOM_ORIGIN", "CLOAKROOM_BACKCHANNEL_ORIGIN", "KC_HOSTNAME"])("does not start without %s", (name) => {
  const { status, stderr } = start({ ...complete, [name]: "" });
  expect([status, stderr.includes(name)]).toEqual([78, true]);
});

it.each([
  ["CLOAKROOM_ORIGIN", "https://app.example/"],
  ["CLOAKROOM_ORIGIN", "https://app.example/app"],
  ["CLOAKROOM_ORIGIN", "app.example"],
  ["CLOAKROOM_ORIGIN", 'https://app.example","https://evil.example'],
  ["CLOAKROOM_BACKCHANNEL_ORIGIN", "http://gateway:3000/"],
])("does not start with %s=%s: redirect URIs are compared letter by letter", (name, value) => {
  const { status, stderr } = start({ ...complete, [name]: value });
  expect([status, stderr.includes(`${name} must be an origin`)]).toEqual([78, true]);
});

it.each(["http://localhost:3000", "https://[::1]:8443", "https://app.example"])("starts with the origin %s", (origin) =>
  expect(start({ ...complete, CLOAKROOM_ORIGIN: origin }).status).toBe(0),
);

it("names an export folder that it may not write to, and how to prepare one", () => {
  const { status, stderr } = start(complete, "export", "--dir=/dev/null/export", "--realm=demo");
  expect(status).toBe(78);
  expect(stderr).toMatch(/may not write to \/dev\/null\/export.*mkdir -p export/);
  expect(start(complete, "export", `--dir=${join(folder, "export")}`).status).toBe(0);
});

it("does not believe everybody about where a request came from", () => {
  const { status, stderr } = start({ ...complete, KC_PROXY_TRUSTED_ADDRESSES: "" });
  expect([status, stderr.includes("would believe everybody")]).toEqual([78, true]);
});

it("believes nobody where no proxy is configured", () => {
  const { status, lines } = start({ ...complete, KC_PROXY_HEADERS: "" });
  expect(status).toBe(0);
  expect(lines.filter((line) => line.startsWith("KC_PROXY"))).toEqual([]);
});
