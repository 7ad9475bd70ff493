// Writes the table of settings in docs/reference/settings.md from bff/src/settings.ts, between its two markers.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETTINGS, type Setting } from "../bff/src/settings.ts";
import { ROOT } from "./bin.ts";

const START = "<!-- settings: written by scripts/settings-table.ts -->";
const END = "<!-- end of settings -->";

export function settingsTable(): string {
  const rows = Object.entries<Setting>(SETTINGS).map(([name, setting]) => {
    const initial = setting.required === true ? "*required*" : setting.default ? `\`${setting.default}\`` : "";
    const file = setting.secret === true ? ` (or \`${name}_FILE\`)` : "";
    return `| \`${name}\`${file} | ${initial} | ${setting.meaning} |`;
  });
  return [START, "| setting | default | meaning |", "|---|---|---|", ...rows, END].join("\n");
}

/** @returns the text with its table replaced. @throws Error where the markers are missing. */
export function withSettingsTable(text: string): string {
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from === -1 || to === -1) throw new Error(`docs without the markers ${START} and ${END}`);
  return text.slice(0, from) + settingsTable() + text.slice(to + END.length);
}

if (import.meta.main) {
  const file = join(ROOT, "docs", "reference", "settings.md");
  writeFileSync(file, withSettingsTable(readFileSync(file, "utf8")));
}
