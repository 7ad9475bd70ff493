// Converts the value of a setting in the configuration file to the text that the environment would hold, so that both pass
// the same schema. Lists are joined, mappings of parameters form-encoded, `${NAME}` and files replaced.
import { fileForms, isSwitch, type FileForm } from "../setting-shapes.ts";
import { SETTINGS, type Setting } from "../settings.ts";
import { cspDirectives, permissions, transportSecurity } from "./policy-values.ts";
import { readRows, type FileRow } from "./row-values.ts";
import type { FoundSetting } from "./setting-tree.ts";
import { createValueReader, fileOf, type Part, type ReadContext, type ValueReader } from "./value-reader.ts";
import { joinPath, type Scalar, type Tree } from "./yaml-tree.ts";

export type FileValue =
  | { kind: "text"; text: string }
  /** Path of a file with a secret, as in NAME_FILE: read again where the setting supports it. */
  | { kind: "file"; path: string }
  | { kind: "rows"; rows: readonly FileRow[] }
  /** An explicit `null`: not set, also where the top level has a value. */
  | { kind: "unset" }
  | { kind: "fault" };

/** @param context receives the faults, references and files */
export function readSettingValue({ name, path, value }: FoundSetting, context: ReadContext): FileValue {
  const setting: Setting = SETTINGS[name];
  const reader = createValueReader(context);
  if (isNull(value)) {
    if (!value.isBlank) return { kind: "unset" };
    return reader.fault(
      value,
      path,
      "has no value. Write one, or remove the key; null unsets a value of the top level",
    );
  }
  const form = fileForms.get(setting.schema);
  if (form?.kind === "rows" && value.kind === "sequence") return { kind: "rows", rows: readRows(value, path, context) };
  const file = fileOf(value);
  if (file !== undefined && form?.kind !== "path") {
    const target = reader.path(file, joinPath(path, "file"));
    if (target === "fault") return { kind: "fault" };
    if (setting.secret === true && form === undefined) {
      if (setting.isReread !== true) context.files.add(target.text);
      return { kind: "file", path: target.text };
    }
    return asValue(reader.content(value, path, target.text));
  }
  const part = textOf(reader, value, path, { form, setting });
  if (part !== "fault" && form?.kind === "path" && form.isContent === true) context.files.add(part.text);
  return asValue(part);
}

function asValue(part: Part): FileValue {
  return part === "fault" ? { kind: "fault" } : { kind: "text", text: part.text };
}

function isNull(tree: Tree): tree is Scalar {
  return tree.kind === "scalar" && tree.value === null;
}

type Rule = { form: FileForm | undefined; setting: Setting };

function list(reader: ValueReader, tree: Tree, at: string, separator: string): Part {
  if (tree.kind !== "sequence") return reader.text(tree, at);
  const parts = tree.items.map((each, index) => {
    const part = reader.item(each, `${at}[${index}]`);
    const isSplit = part !== "fault" && part.text.includes(separator);
    return isSplit ? reader.wrong(each, `${at}[${index}]`, "is several values. Write one per entry of the list") : part;
  });
  const texts = parts.flatMap((part) => (part === "fault" ? [] : [part.text]));
  return texts.length < parts.length ? "fault" : { text: texts.filter((each) => each !== "").join(separator) };
}

function parameters(reader: ValueReader, tree: Tree, at: string): Part {
  if (tree.kind !== "mapping") return reader.text(tree, at);
  const encoded = new URLSearchParams();
  let isWhole = true;
  for (const { key, value } of tree.entries) {
    const part = reader.item(value, joinPath(at, key));
    if (part === "fault") isWhole = false;
    else encoded.append(key, part.text);
  }
  // The order of keys has no meaning.
  encoded.sort();
  return isWhole ? { text: encoded.toString() } : "fault";
}

function claimPaths(reader: ValueReader, tree: Tree, at: string): Part {
  if (tree.kind !== "sequence") return reader.text(tree, at);
  if (!tree.items.every((each) => each.kind === "sequence"))
    return reader.wrong(
      tree,
      at,
      "must be text such as `roles realm_access.roles`, or a list of lists such as [[resource_access, my.client, roles]], one list of names for each claim",
    );
  const paths = tree.items.map((each, index) =>
    each.items.map((name, inner) => reader.item(name, `${at}[${index}][${inner}]`)),
  );
  if (paths.flat().includes("fault")) return "fault";
  return { text: JSON.stringify(paths.map((names) => names.map((part) => (part === "fault" ? "" : part.text)))) };
}

function textOf(reader: ValueReader, tree: Tree, at: string, { form, setting }: Rule): Part {
  if (form === undefined) return plain(reader, tree, at, setting);
  switch (form.kind) {
    case "number":
      // As written: the schema of the environment knows the rule.
      if (tree.kind === "scalar" && typeof tree.value === "number") return { text: tree.source };
      return reader.text(tree, at);
    case "list":
      return list(reader, tree, at, form.separator);
    case "claim-paths":
      return claimPaths(reader, tree, at);
    case "parameters":
      return parameters(reader, tree, at);
    case "csp-directives":
      return cspDirectives(reader, tree, at);
    case "permissions":
      return permissions(reader, tree, at);
    case "transport-security":
      return transportSecurity(reader, tree, at);
    case "path":
      return reader.path(tree, at);
    case "rows":
      return tree.kind === "scalar" ? reader.text(tree, at) : reader.wrong(tree, at, "must be a list of upstream rows");
  }
}

/** YAML 1.1 tools write `on` and `off` as booleans. */
function plain(reader: ValueReader, tree: Tree, at: string, { schema }: Setting): Part {
  if (isSwitch(schema) && tree.kind === "scalar" && typeof tree.value === "boolean")
    return { text: tree.value ? "on" : "off" };
  return reader.text(tree, at);
}
