// `cloakroom check`: exit status, faults, warnings and summary.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fileWith, MINIMAL, SECRET } from "../config/file/config-files.ts";

function check(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "../../bin/cloakroom.mjs"), "check", ...args],
    { env: { PATH: process.env["PATH"] ?? "", NODE_NO_WARNINGS: "1" }, encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

const rows = "upstreams: [{ prefix: /api, baseUrl: http://orders, requiredRoles: [clerk] }]\n";

it("a valid file is summarized with its applications and rows", () => {
  const { status, stdout, stderr } = check("--config", fileWith(`${MINIMAL}id: shop\n${rows}`));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^shop {2}https:\/\/shop\.example/);
  expect(stdout).toContain("/api -> http://orders  access session, token user, csrf header, roles clerk");
  expect(stdout).toMatch(/The configuration is valid\. Hash [0-9a-f]{16}\.\n$/);
  expect(stdout).not.toContain(SECRET);
});

it("an invalid file exits with 78 and all faults, each with its line", () => {
  const file = fileWith(`${MINIMAL}wrkers: 2\nsession: { idleSeconds: 1 }\n`);
  const { status, stderr } = check("--config", file);
  expect(status).toBe(78);
  expect(stderr).toContain(`${file}:7: wrkers is not known. Did you mean workers?`);
  expect(stderr).toContain(`${file}:8: session.idleSeconds must be a whole number`);
  expect(stderr).toContain("2 settings are wrong.");
});

it("--json prints one object", () => {
  const valid = JSON.parse(check("--json", "--config", fileWith(MINIMAL + rows)).stdout) as Record<string, unknown>;
  expect(valid).toMatchObject({ valid: true, applications: [{ origin: "https://shop.example", rows: [{}] }] });
  const invalid = check("--json", "--config", fileWith("workers: x\n"));
  expect(invalid.status).toBe(78);
  expect(JSON.parse(invalid.stdout)).toMatchObject({ valid: false, faults: expect.any(Array) });
});

it("an unknown option is a usage error", () => {
  expect(check("--frobnicate")).toMatchObject({ status: 2, stderr: expect.stringContaining("--frobnicate") });
});
