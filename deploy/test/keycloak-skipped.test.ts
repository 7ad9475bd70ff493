// npm run e2e:keycloak without Java: reports what is missing and counts as skipped.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { COUNT_FILE_VARIABLE } from "@cloakroom/testkit/counts.ts";

const bare = mkdtempSync(join(tmpdir(), "cloakroom-bare-"));
afterAll(() => rmSync(bare, { recursive: true, force: true }));

/** Empty PATH and empty cache. */
function runOnBareMachine(env: Record<string, string> = {}) {
  const countFile = join(bare, "count.json");
  const script = join(import.meta.dirname, "..", "..", "scripts", "keycloak", "e2e.ts");
  const { status, stdout } = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", script], {
    env: { PATH: bare, HOME: bare, XDG_CACHE_HOME: bare, [COUNT_FILE_VARIABLE]: countFile, ...env },
    encoding: "utf8",
  });
  return { status, stdout, count: JSON.parse(readFileSync(countFile, "utf8")) as unknown };
}

it("the Keycloak suite names the missing program and counts as skipped without Java", () => {
  const { status, stdout, count } = runOnBareMachine();
  expect(stdout).toMatch(/SKIPPED\. .*needs Java.*install/);
  expect(stdout.trim().split("\n").at(-1)).toBe("0 passed, 0 failed, 1 skipped");
  expect(count).toEqual({ passed: 0, failed: 0, skipped: 1 });
  expect(status).toBe(0);
});

it("the Keycloak suite fails without Java if REQUIRE_KEYCLOAK=1", () => {
  const { status, count } = runOnBareMachine({ REQUIRE_KEYCLOAK: "1" });
  expect(count).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(status).toBe(1);
});
