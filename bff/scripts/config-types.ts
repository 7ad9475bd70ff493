// Generates bff/src/library/configuration.ts, the TypeScript type of a configuration object, from the JSON Schema of
// cloakroom.yaml.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { configSchema } from "./config-schema.ts";

export const TYPES_FILE = join(ROOT, "bff", "src", "library", "configuration.ts");

type Schema = {
  $ref?: string;
  anyOf?: Schema[];
  type?: string;
  enum?: string[];
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  pattern?: string;
};

/** Definitions that become declarations of their own. */
const NAMES: Readonly<Record<string, string>> = {
  file: "FileContent",
  row: "UpstreamRow",
  application: "ApplicationConfiguration",
  cspDirectives: "CspDirectives",
  permissions: "Permissions",
  transportSecurity: "TransportSecurity",
};
/** Spellings of a text that YAML needs: in TypeScript they would hide the values of an enumeration. */
const LEFT_OUT: ReadonlySet<string> = new Set(["reference", "fileText"]);
const TEXT_OR_LIST = "string | readonly string[]";

function typeOf(schema: Schema, indent: string): string {
  const { $ref, anyOf, type, items, properties, additionalProperties } = schema;
  if ($ref !== undefined) return typeOfReference($ref.replace("#/definitions/", ""));
  if (anyOf !== undefined) {
    const types = anyOf.map((each) => typeOf(each, indent)).filter((each) => each !== "never");
    const parts = [...new Set(types.flatMap((each) => (/[{(]/.test(each) ? [each] : each.split(" | "))))];
    const kept = parts.includes("string") ? parts.filter((each) => !each.startsWith('"')) : parts;
    return kept.join(" | ");
  }
  if (schema.enum !== undefined) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  switch (type) {
    case "null":
      return "never";
    case "integer":
    case "number":
      return "number";
    case "array": {
      const of = items === undefined ? "unknown" : typeOf(items, indent);
      return `readonly ${/[ |]/.test(of) ? `(${of})` : of}[]`;
    }
    case "object": {
      if (properties !== undefined) return `{\n${membersOf(schema, `${indent}  `)}${indent}}`;
      const of = typeof additionalProperties === "object" ? typeOf(additionalProperties, indent) : "unknown";
      return `Readonly<Record<string, ${of}>>`;
    }
    case undefined:
      return "unknown";
    default:
      return type;
  }
}

function typeOfReference(name: string): string {
  if (LEFT_OUT.has(name)) return "never";
  return NAMES[name] ?? TEXT_OR_LIST;
}

function membersOf({ properties = {}, required = [] }: Schema, indent: string): string {
  return Object.entries(properties)
    .map(([key, member]) => {
      const isRequired = required.includes(key);
      const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
      const type = typeOf(member, indent);
      const mark = isRequired ? "" : "?";
      const optional = isRequired ? "" : " | undefined";
      return `${commentOf(member, indent)}${indent}readonly ${name}${mark}: ${type}${optional};\n`;
    })
    .join("");
}

function commentOf({ description, default: initial }: Schema, indent: string): string {
  const words = [
    ...(description === undefined ? [] : [description]),
    ...(initial === undefined ? [] : [`Default: ${JSON.stringify(initial)}`]),
  ];
  if (words.length === 0) return "";
  // Links of the reference lead to files that are not beside the types.
  const text = words
    .join(". ")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("*/", "*\\/");
  return `${indent}/** ${text} */\n`;
}

/** Mappings with one type for all keys. */
function keyedType(name: string, { properties = {} }: Schema): string {
  const byType = new Map<string, string[]>();
  for (const [key, member] of Object.entries(properties)) {
    const type = typeOf(member, "");
    byType.set(type, [...(byType.get(type) ?? []), JSON.stringify(key)]);
  }
  const parts = [...byType].map(([type, keys]) => `{ readonly [K in ${keys.join(" | ")}]?: ${type} | undefined }`);
  return `export type ${name} = ${parts.join(" & ")};\n`;
}

export function typesText(): string {
  const { definitions, properties } = configSchema() as { definitions: Record<string, Schema> } & Schema;
  const declared = (name: string): string => {
    const { description = "", ...schema } = definitions[name] ?? {};
    const comment = description === "" ? "" : `/** ${description} */\n`;
    if (name === "cspDirectives" || name === "permissions") return comment + keyedType(NAMES[name] ?? "", schema);
    return `${comment}export interface ${NAMES[name]} {\n${membersOf(schema, "  ")}}\n`;
  };
  return [
    "// Generated from the settings by bff/scripts/config-types.ts (`npm run docs:tables`). Do not edit.\n/* oxlint-disable max-lines -- generated */\n",
    `/** The configuration of a gateway: what cloakroom.yaml holds. */\nexport interface Configuration {\n${membersOf({ ...(properties === undefined ? {} : { properties }) }, "  ")}}\n`,
    ...Object.keys(NAMES).map(declared),
  ].join("\n");
}

if (import.meta.main) writeFileSync(TYPES_FILE, typesText());
