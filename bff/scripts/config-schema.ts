// Generates bff/schema/cloakroom.schema.json, the JSON Schema (draft-07, which editors support) of cloakroom.yaml, from the
// zod schemas of the settings and of an upstream row.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fileForms, isSwitch } from "../src/config/setting-shapes.ts";
import { CSP_DIRECTIVES, UPGRADE } from "../src/config/csp-directives.ts";
import { FEATURES } from "../src/config/page-policy-shapes.ts";
import { SETTINGS, type Setting } from "../src/config/settings.ts";
import { UPSTREAM_ROW } from "../src/config/upstream-row.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";

type Schema = Record<string, unknown>;
type Group = { type: "object"; additionalProperties: false; properties: Record<string, Schema> };

export const SCHEMA_FILE = join(ROOT, "bff", "schema", "cloakroom.schema.json");

const definition = (name: string): Schema => ({ $ref: `#/definitions/${name}` });
const group = (): Group => ({ type: "object", additionalProperties: false, properties: {} });

const DEFINITIONS: Readonly<Record<string, Schema>> = {
  reference: { type: "string", pattern: "\\$\\{", description: "a text with references such as ${NAME}" },
  file: {
    type: "object",
    description: "the content of a file",
    properties: { file: { type: "string", minLength: 1 } },
    required: ["file"],
    additionalProperties: false,
  },
  fileText: { type: "string", pattern: "^file:", description: "the content of a file" },
  textOrList: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
  cspDirectives: {
    ...mappingOf(CSP_DIRECTIVES, definition("textOrList"), { [UPGRADE]: { type: "boolean" } }),
    description: "sources by directive",
  },
  permissions: {
    ...mappingOf(FEATURES, definition("textOrList")),
    description: "origins by feature; an empty list turns the feature off",
  },
  transportSecurity: {
    type: "object",
    additionalProperties: false,
    properties: {
      maxAgeSeconds: { type: "integer", minimum: 0 },
      includeSubDomains: { type: "boolean" },
      preload: { type: "boolean" },
    },
    required: ["maxAgeSeconds"],
  },
  row: rowSchema(),
};

/** Values that any setting can have. */
const ELSEWHERE = [definition("reference"), definition("fileText"), definition("file"), { type: "null" }];

export function configSchema(): Schema {
  const top = group();
  const application = group();
  for (const setting of Object.values<Setting>(SETTINGS)) {
    place(top, setting);
    if (setting.scope === "application") place(application, setting);
  }
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "cloakroom.yaml",
    description: "Settings of the Cloakroom gateway",
    ...top,
    properties: {
      $schema: { type: "string" },
      ...top.properties,
      applications: {
        description: "Applications; settings of applications at the top level are their defaults",
        type: "array",
        minItems: 1,
        items: definition("application"),
      },
    },
    definitions: { ...DEFINITIONS, application },
  };
}

function place(root: Group, setting: Setting): void {
  const segments = setting.path.split(".");
  let inner = root;
  for (const segment of segments.slice(0, -1)) {
    inner.properties[segment] ??= { anyOf: [group(), { type: "null" }] };
    const [found] = inner.properties[segment]["anyOf"] as [Group];
    inner = found;
  }
  inner.properties[segments.at(-1) ?? ""] = settingSchema(setting);
}

function settingSchema({ meaning, default: initial, schema }: Setting): Schema {
  return {
    description: initial === undefined || initial === "" ? meaning : `${meaning}. Default: ${initial}`,
    anyOf: [...formsOf(schema), ...ELSEWHERE],
  };
}

function formsOf(schema: z.ZodType): Schema[] {
  const form = fileForms.get(schema);
  const text = textSchema(schema);
  switch (form?.kind) {
    case undefined: {
      return isSwitch(schema) ? [text, { type: "boolean" }] : [text];
    }
    case "number":
      return [
        { type: "integer", minimum: form.min, maximum: form.max },
        { type: "string", pattern: "^\\d+$" },
      ];
    case "list":
      return [{ type: "array", items: { anyOf: [{ type: "string" }, definition("file")] } }, { type: "string" }];
    case "claim-paths":
      return [text, { type: "array", items: { type: "array", minItems: 1, items: { type: "string" } } }];
    case "parameters":
      return [{ type: "object", additionalProperties: { type: "string" } }, { type: "string" }];
    case "csp-directives":
      return [definition("cspDirectives"), { type: "string" }];
    case "permissions":
      return [definition("permissions"), { type: "string" }];
    case "transport-security":
      return [definition("transportSecurity"), { type: "string" }];
    case "path":
      return [{ type: "string", minLength: 1 }];
    case "rows":
      return [{ type: "array", items: definition("row") }, { type: "string" }];
  }
}

function mappingOf(names: readonly string[], value: Schema, others: Schema = {}): Schema {
  const properties = { ...Object.fromEntries(names.map((name) => [name, value])), ...others };
  return { type: "object", additionalProperties: false, properties };
}

function textSchema(schema: z.ZodType): Schema {
  const { $schema: _, ...rest } = toJson(schema);
  return rest;
}

function rowSchema(): Schema {
  const { $schema: _, properties, ...rest } = toJson(UPSTREAM_ROW);
  const members = Object.entries(properties as Record<string, Schema>).map(([key, value]) => {
    const { description, default: initial, ...form } = value;
    const single = key === "baseUrl" ? [form["items"] as Schema] : [];
    return [
      key,
      {
        ...(description === undefined ? {} : { description }),
        ...(initial === undefined ? {} : { default: initial }),
        anyOf: [form, ...single, definition("reference")],
      },
    ];
  });
  return { ...rest, properties: Object.fromEntries(members) as Schema };
}

function toJson(schema: z.ZodType): Schema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any", target: "draft-7" });
}

export function schemaText(): string {
  return `${JSON.stringify(configSchema(), undefined, 2)}\n`;
}

if (import.meta.main) writeFileSync(SCHEMA_FILE, schemaText());
