// Converts upstream rows of the configuration file to the values of UPSTREAM_ROW: references and files replaced, paths
// made absolute. Positions are kept for the faults of the schema.
import { z } from "zod";
import { UPSTREAM_ROW } from "../upstream-row.ts";
import { FILE_KEY } from "../row-files.ts";
import { createValueReader, fileOf, type ReadContext, type ValueReader } from "./value-reader.ts";
import { joinPath, type Position, type Scalar, type Sequence, type Tree } from "./yaml-tree.ts";

export type FileRow = Readonly<{
  /** For UPSTREAM_ROW. */
  value: unknown;
  /** @returns path and position of a member of the row, or of the innermost one that exists */
  locate: (members: readonly PropertyKey[]) => { path: string; at: Position };
}>;

const WHOLE_NUMBER = /^(0|[1-9]\d{0,15})$/;

export function readRows(list: Sequence, path: string, context: ReadContext): FileRow[] {
  const reader = createValueReader(context);
  return list.items.map((tree, index) => {
    const rowPath = `${path}[${index}]`;
    const value = rowValue(tree, { path: rowPath, key: "", schema: UPSTREAM_ROW }, { reader, context });
    return { value, locate: (members) => locate(tree, rowPath, members) };
  });
}

type Place = { path: string; key: string; schema: z.core.$ZodType | undefined };
type Tools = { reader: ValueReader; context: ReadContext };

function rowValue(tree: Tree, place: Place, tools: Tools): unknown {
  const { path, key, schema } = place;
  switch (tree.kind) {
    case "scalar":
      return scalarValue(tree, place, tools);
    case "sequence":
      return tree.items.map((item, index) =>
        rowValue(item, { path: `${path}[${index}]`, key, schema: elementOf(schema) }, tools),
      );
    case "mapping": {
      // Headers have a file form of their own.
      const file = acceptsFile(schema) ? undefined : fileOf(tree);
      if (file !== undefined) return fileContent(file, path, tools);
      // Own properties, also for the key __proto__.
      return Object.fromEntries(
        tree.entries.map((entry) => [
          entry.key,
          rowValue(
            entry.value,
            { path: joinPath(path, entry.key), key: entry.key, schema: memberOf(schema, entry.key) },
            tools,
          ),
        ]),
      );
    }
  }
}

function scalarValue(tree: Scalar, { path, key, schema }: Place, tools: Tools): unknown {
  const { reader, context } = tools;
  if (tree.isBlank) {
    reader.fault(tree, path, "has no value. Write one, or remove the key");
    return undefined;
  }
  if (typeof tree.value !== "string") return tree.value;
  if (FILE_KEY.test(key)) {
    const target = reader.path(tree, path);
    if (target === "fault") return tree.value;
    context.files.add(target.text);
    return target.text;
  }
  const file = fileOf(tree);
  if (file !== undefined) return fileContent(file, path, tools);
  const part = reader.expand(tree, path);
  if (part === "fault") return undefined;
  return part.text === tree.value ? part.text : typed(part.text, schema);
}

function fileContent(file: Scalar, path: string, { reader }: Tools): unknown {
  const target = reader.path(file, joinPath(path, "file"));
  const content = target === "fault" ? target : reader.content(file, path, target.text);
  return content === "fault" ? undefined : content.text;
}

/** The environment holds text only: a referenced number or switch becomes one where the schema demands it. */
function typed(text: string, schema: z.core.$ZodType | undefined): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodNumber && WHOLE_NUMBER.test(text)) return Number(text);
  if (inner instanceof z.ZodBoolean && (text === "true" || text === "false")) return text === "true";
  return text;
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return unwrap(schema.def.innerType);
  return schema;
}

function memberOf(schema: z.core.$ZodType | undefined, key: string): z.core.$ZodType | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined;
  return inner instanceof z.ZodRecord ? inner.def.valueType : undefined;
}

function elementOf(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  const inner = unwrap(schema);
  return inner instanceof z.ZodArray ? inner.def.element : undefined;
}

/** Whether the schema itself describes `{ file: … }`. */
function acceptsFile(schema: z.core.$ZodType | undefined): boolean {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.def.options.some(acceptsFile);
  return inner instanceof z.ZodObject && Object.hasOwn(inner.shape, "file");
}

function locate(tree: Tree, path: string, members: readonly PropertyKey[]): { path: string; at: Position } {
  let current: Tree | undefined = tree;
  let currentPath = path;
  let { at } = tree;
  for (const member of members) {
    if (typeof member === "number") {
      // A single value in place of a list is its only entry.
      if (current?.kind !== "sequence") continue;
      currentPath += `[${member}]`;
      current = current.items[member];
      at = current?.at ?? at;
    } else {
      currentPath = joinPath(currentPath, String(member));
      const entry: { at: Position; value: Tree } | undefined =
        current?.kind === "mapping" ? current.entries.find(({ key }) => key === member) : undefined;
      current = entry?.value;
      at = entry?.at ?? at;
    }
  }
  return { path: currentPath, at };
}
