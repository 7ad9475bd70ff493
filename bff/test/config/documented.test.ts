import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { settingsTable } from "../../../scripts/settings-table.ts";
import { upstreamsTable } from "../../../scripts/upstreams-table.ts";
import { parseUpstreams } from "../../src/upstream-config.ts";

it("the documentation lists every setting as the code defines it (node scripts/settings-table.ts writes it)", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/settings.md"), "utf8");
  expect(page).toContain(settingsTable());
});

const upstreamsPage = readFileSync(join(import.meta.dirname, "../../../docs/reference/upstreams.md"), "utf8");

it("the documentation lists every key of an upstream as the code defines it (node scripts/upstreams-table.ts writes it)", () => {
  expect(upstreamsPage).toContain(upstreamsTable());
});

it("the example of an upstream table in the documentation is right but for the files that it names", () => {
  const example = /```json\n([\s\S]*?)```/.exec(upstreamsPage)?.[1] ?? "";
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-docs-")), "upstreams.json");
  writeFileSync(file, example);
  const { faults } = parseUpstreams(undefined, file);
  expect(faults).toHaveLength(2);
  for (const fault of faults) expect(fault).toMatch(/\(\/api\/reports\): (caFile|headers\.x-api-key) names a file/);
});
