// JSON Schema of the value `config`: that of cloakroom.yaml, with one alternative per place instead of `anyOf`, whose error
// messages list every alternative. The gateway checks the values; this schema checks names and types.
import type { Schema } from "./schema-parts.ts";

type Alternatives = readonly Schema[];
type Definitions = Readonly<Record<string, Schema>>;
type Properties = Readonly<Record<string, Schema>>;

/** Keys of cloakroom.yaml that the chart sets. */
const SET_BY_CHART = ["$schema", "listen", "forwardAuth"];
const MANAGEMENT_SET_BY_CHART = ["host", "port"];

/** @param source the schema of cloakroom.yaml */
export function configSchema(source: Schema): Schema {
  const definitions = source["definitions"] as Definitions;
  const schema = single(source, definitions, { nullable: false });
  const { management = {}, ...properties } = without(schema["properties"] as Properties, SET_BY_CHART);
  const managed = without(management["properties"] as Properties, MANAGEMENT_SET_BY_CHART);
  return { ...schema, properties: { ...properties, management: { ...management, properties: managed } } };
}

/** `null` removes a default, in items of `applications` only. Helm drops it elsewhere. */
type Options = { nullable: boolean };

function single(schema: Schema, definitions: Definitions, options: Options): Schema {
  const alternatives = alternativesOf(schema, definitions).filter(({ type }) => options.nullable || type !== "null");
  const types = [...new Set(alternatives.flatMap(({ type }) => type as string))];
  const description = (schema["description"] ?? alternatives[0]?.["description"]) as string | undefined;
  return {
    ...(description === undefined ? {} : { description }),
    ...(types.length === 0 ? {} : { type: types.length === 1 ? types[0] : types }),
    ...stringRules(alternatives),
    ...numberRules(alternatives),
    ...arrayRules(alternatives, definitions, options),
    ...objectRules(alternatives, definitions, options),
  };
}

function alternativesOf(schema: Schema, definitions: Definitions): Alternatives {
  const { $ref, anyOf } = schema as { $ref?: string; anyOf?: Alternatives };
  const referenced = $ref === undefined ? undefined : definitions[$ref.replace("#/definitions/", "")];
  if (referenced !== undefined) return alternativesOf(referenced, definitions);
  return anyOf === undefined ? [schema] : anyOf.flatMap((each) => alternativesOf(each, definitions));
}

const ofType = (alternatives: Alternatives, type: string) => alternatives.filter((each) => each["type"] === type);

/** A closed list of words, or a reference. Patterns and formats of other texts are the gateway's to check. */
function stringRules(alternatives: Alternatives): Schema {
  const texts = ofType(alternatives, "string");
  const words = texts.flatMap((each) => (each["enum"] as string[] | undefined) ?? []);
  const isReference = ({ pattern }: Schema) => pattern === "\\$\\{" || pattern === "^file:";
  if (words.length === 0 || texts.some((each) => each["enum"] === undefined && !isReference(each))) return {};
  const escaped = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return { pattern: `^(${escaped.join("|")})$|\\$\\{|^file:`, examples: words };
}

function numberRules(alternatives: Alternatives): Schema {
  const [number] = [...ofType(alternatives, "integer"), ...ofType(alternatives, "number")];
  if (number === undefined) return {};
  return Object.fromEntries(["minimum", "maximum"].flatMap((key) => (key in number ? [[key, number[key]]] : [])));
}

function arrayRules(alternatives: Alternatives, definitions: Definitions, options: Options): Schema {
  const items = ofType(alternatives, "array")
    .map((each) => each["items"] as Schema | undefined)
    .filter((each) => each !== undefined);
  if (items.length === 0) return {};
  const isApplications = items.some((each) => each["$ref"] === "#/definitions/application");
  return { items: single({ anyOf: items }, definitions, { nullable: options.nullable || isApplications }) };
}

function objectRules(alternatives: Alternatives, definitions: Definitions, options: Options): Schema {
  const objects = ofType(alternatives, "object");
  if (objects.length === 0) return {};
  const required = objects[0]?.["required"];
  const properties = objects.flatMap((each) => Object.entries((each["properties"] as Properties | undefined) ?? {}));
  const others = objects.map((each) => each["additionalProperties"]).find((each) => typeof each === "object");
  return {
    ...(objects.length === 1 && required !== undefined ? { required } : {}),
    ...(properties.length === 0
      ? {}
      : {
          properties: Object.fromEntries(
            properties.map(([name, schema]) => [name, single(schema, definitions, options)]),
          ),
        }),
    additionalProperties: others === undefined ? false : single(others as Schema, definitions, options),
  };
}

function without(properties: Properties, names: readonly string[]): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
}
