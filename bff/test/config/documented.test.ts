import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { settingsTables } from "../../scripts/settings-table.ts";
import { adminOpenApi, OPENAPI_FILE } from "../../scripts/admin-openapi.ts";
import { upstreamsTable } from "../../scripts/upstreams-table.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";

it("settings.md lists every setting with its default and meaning (npm run docs:tables writes it)", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/settings.md"), "utf8");
  expect(page).toContain(settingsTables());
});

const upstreamsPage = readFileSync(join(import.meta.dirname, "../../../docs/reference/upstreams.md"), "utf8");

it("upstreams.md lists every key of an upstream row (npm run docs:tables writes it)", () => {
  expect(upstreamsPage).toContain(upstreamsTable());
});

it("the example in upstreams.md is a valid upstream file except for the files that it names", () => {
  const example = /```json\n([\s\S]*?)```/.exec(upstreamsPage)?.[1] ?? "";
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-docs-")), "upstreams.json");
  writeFileSync(file, example);
  const { faults } = parseUpstreams(undefined, file);
  expect(faults).toHaveLength(2);
  for (const fault of faults) expect(fault).toMatch(/\(\/api\/reports\): (caFile|headers\.x-api-key) names a file/);
});

it("admin-api.openapi.json describes every route of the admin API (npm run docs:tables writes it)", () => {
  expect(readFileSync(OPENAPI_FILE, "utf8")).toBe(adminOpenApi());
});
