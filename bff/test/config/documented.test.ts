import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { settingsTable } from "../../../scripts/settings-table.ts";

it("the documentation lists every setting as the code defines it (node scripts/settings-table.ts writes it)", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/configuration.md"), "utf8");
  expect(page).toContain(settingsTable());
});
