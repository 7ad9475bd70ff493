// Generates the table of upstream keys in docs/reference/upstreams.md from bff/src/config/upstream-row.ts.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UPSTREAM_ROW } from "../src/config/upstream-row.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";

const START = "<!-- keys: written by bff/scripts/upstreams-table.ts -->";
const END = "<!-- end of keys -->";
const REQUIRED = { prefix: "/api", baseUrl: "http://orders" };

export function upstreamsTable(): string {
  const defaults: Record<string, unknown> = UPSTREAM_ROW.parse(REQUIRED);
  const rows = Object.entries(UPSTREAM_ROW.shape).map(([key, schema]) => {
    const initial = key in REQUIRED ? "*required*" : written(defaults[key]);
    return `| \`${key}\` | ${initial} | ${schema.meta()?.description ?? ""} |`;
  });
  return [START, "| key | default | meaning |", "|---|---|---|", ...rows, END].join("\n");
}

function written(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value) && value.length > 2) return value.join(" ");
  return `\`${JSON.stringify(value)}\``;
}

/** @returns the text with its table replaced. @throws Error where the markers are missing. */
function withUpstreamsTable(text: string): string {
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from === -1 || to === -1) throw new Error(`docs without the markers ${START} and ${END}`);
  return text.slice(0, from) + upstreamsTable() + text.slice(to + END.length);
}

if (import.meta.main) {
  const file = join(ROOT, "docs", "reference", "upstreams.md");
  writeFileSync(file, withUpstreamsTable(readFileSync(file, "utf8")));
}
