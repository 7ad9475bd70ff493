// npm run docs:tables: writes values.schema.json and the table of values in README.md of the Helm chart.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { CHART_VALUES } from "./chart-values.ts";
import { configSchema } from "./config-schema.ts";
import type { Schema } from "./schema-parts.ts";

const CHART = join(import.meta.dirname, "cloakroom");
export const SCHEMA_FILE = join(CHART, "values.schema.json");
export const README_FILE = join(CHART, "README.md");
const START = "<!-- values: written by deploy/helm/tables.ts -->";
const END = "<!-- end of values -->";

export function schemaText(): string {
  const source = JSON.parse(readFileSync(join(ROOT, "bff", "schema", "cloakroom.schema.json"), "utf8")) as Schema;
  const description = CHART_VALUES["config"]?.["description"];
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the Helm chart cloakroom",
    type: "object",
    additionalProperties: false,
    properties: {
      // Values that a parent chart shares with its subcharts.
      global: { type: "object" },
      ...CHART_VALUES,
      config: { ...configSchema(source), description },
    },
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** @returns README.md with the table of all values between the markers */
export function readmeText(): string {
  const text = readFileSync(README_FILE, "utf8");
  const values = parse(readFileSync(join(CHART, "values.yaml"), "utf8")) as Record<string, unknown>;
  const rows = Object.entries(CHART_VALUES).flatMap(([name, schema]) => rowsOf(name, schema, values[name]));
  const table = ["| value | default | meaning |", "|---|---|---|", ...rows].join("\n");
  const start = text.indexOf(START) + START.length;
  return `${text.slice(0, start)}\n${table}\n${text.slice(text.indexOf(END))}`;
}

/** Groups have a row for themselves and one for each member. */
function rowsOf(path: string, schema: Schema, value: unknown): string[] {
  const members = schema["properties"] as Record<string, Schema> | undefined;
  const meaning = String(schema["description"]).replaceAll("|", "\\|");
  if (members === undefined) return [`| \`${path}\` | \`${JSON.stringify(value)}\` | ${meaning} |`];
  const values = (value ?? {}) as Record<string, unknown>;
  return [
    `| \`${path}\` | | ${meaning} |`,
    ...Object.entries(members).flatMap(([name, each]) => rowsOf(`${path}.${name}`, each, values[name])),
  ];
}

if (import.meta.main) {
  writeFileSync(SCHEMA_FILE, schemaText());
  writeFileSync(README_FILE, readmeText());
}
