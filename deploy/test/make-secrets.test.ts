// make-secrets.ts: generates all secrets once, is idempotent and rejects partial sets.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadConfig } from "@cloakroom/gateway/src/config/config.ts";

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

it("make-secrets creates ten files with mode 0440", () => {
  expect(run().status).toBe(0);
  expect(all()).toHaveLength(10);
  for (const { parentPath, name } of all()) expect(statSync(join(parentPath, name)).mode & 0o777).toBe(0o440);
});

it("make-secrets stores a shared password with the same value for both services", () => {
  run();
  expect(read("gateway/client_secret")).toBe(read("keycloak/client_secret"));
  expect(read("postgres/password")).toBe(read("keycloak/database_password"));
});

it("make-secrets keeps existing secrets at the next start", () => {
  run();
  const before = read("gateway/secret_keys");
  expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining("All secrets exist") as string });
  expect(read("gateway/secret_keys")).toBe(before);
});

it("make-secrets generates different secrets per installation", () => {
  run();
  const before = read("gateway/secret_keys");
  rmSync(root, { recursive: true });
  run();
  expect(read("gateway/secret_keys")).not.toBe(before);
});

it("make-secrets rejects a partial set of secrets and names the remedies", () => {
  run();
  rmSync(join(root, "redis", "users.acl"));
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toMatch(/redis\/users\.acl.*restore the volumes/s);
});

it("make-secrets prints passwords with `show` only", () => {
  const first = run().stdout;
  const password = read("keycloak/alice_password");
  expect(first).not.toContain(password);
  expect(run("show").stdout).toContain(password);
});

it("the generated secrets are valid gateway settings", () => {
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
