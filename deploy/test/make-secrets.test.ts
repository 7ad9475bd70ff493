// The one-shot service that makes the secrets: complete, repeatable, and never half.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadConfig } from "../../bff/src/config.ts";

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "cloakroom-secrets-"))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const script = join(import.meta.dirname, "..", "compose", "make-secrets.ts");
const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    env: { SECRETS_ROOT: root },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};
const read = (file: string) => readFileSync(join(root, file), "utf8");
const all = () => readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

it("makes every secret, readable for its reader and root's group only", () => {
  expect(run().status).toBe(0);
  expect(all()).toHaveLength(10);
  for (const { parentPath, name } of all()) expect(statSync(join(parentPath, name)).mode & 0o777).toBe(0o440);
});

it("gives both sides of a password the same", () => {
  run();
  expect(read("gateway/client_secret")).toBe(read("keycloak/client_secret"));
  expect(read("postgres/password")).toBe(read("keycloak/database_password"));
});

it("leaves them as they are at the next start", () => {
  run();
  const before = read("gateway/secret_keys");
  expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining("Every secret is there") as string });
  expect(read("gateway/secret_keys")).toBe(before);
});

it("makes other ones in every installation", () => {
  run();
  const before = read("gateway/secret_keys");
  rmSync(root, { recursive: true });
  run();
  expect(read("gateway/secret_keys")).not.toBe(before);
});

it("refuses to complete what is half there, and says what to do", () => {
  run();
  rmSync(join(root, "redis", "users.acl"));
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toMatch(/redis\/users\.acl.*restore the volumes/s);
});

it("shows people their passwords, and no password to its log before that", () => {
  const first = run().stdout;
  const password = read("keycloak/alice_password");
  expect(first).not.toContain(password);
  expect(run("show").stdout).toContain(password);
});

it("makes what the gateway's settings accept", () => {
  run();
  const config = loadConfig({
    NODE_ENV: "production",
    PUBLIC_ORIGIN: "http://localhost:3000",
    OIDC_ISSUER: "http://localhost:8080/realms/demo",
    OIDC_CLIENT_ID: "cloakroom",
    OIDC_CLIENT_SECRET_FILE: join(root, "gateway/client_secret"),
    REDIS_URL_FILE: join(root, "gateway/redis_url"),
    SECRET_KEYS_FILE: join(root, "gateway/secret_keys"),
  });
  expect(config.redisUrl).toMatch(/^redis:\/\/cloakroom:/);
});
