// Writes rows for UPSTREAMS_FILE.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @returns the setting that names the file */
export function writeRows(rows: readonly object[]): { UPSTREAMS_FILE: string } {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(file, JSON.stringify(rows));
  return { UPSTREAMS_FILE: file };
}
