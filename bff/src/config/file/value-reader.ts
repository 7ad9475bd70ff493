// Reads single values of the configuration file: texts with references, paths, and the content of referenced files. Every
// fault gets a position and a path; values are never part of a message.
import { resolve } from "node:path";
import { readValueFile } from "../setting-text.ts";
import { expandReferences } from "./references.ts";
import { joinPath, type Fault, type Scalar, type Tree } from "./yaml-tree.ts";

export type ReadContext = {
  env: Readonly<Record<string, string | undefined>>;
  /** Folder of the configuration file: relative paths begin there. */
  folder: string;
  faults: Fault[];
  /** Environment variables that the file references. */
  references: Set<string>;
  /** Files whose content is part of the configuration. */
  files: Set<string>;
};

export type Part = { text: string } | "fault";

const FILE_PREFIX = "file:";

/** @returns the scalar of `{ file: path }`, or of the short form `file:path`; undefined for other values */
export function fileOf(tree: Tree): Scalar | undefined {
  if (tree.kind === "scalar") {
    if (typeof tree.value !== "string" || !tree.value.startsWith(FILE_PREFIX)) return undefined;
    return { ...tree, value: tree.value.slice(FILE_PREFIX.length) };
  }
  if (tree.kind !== "mapping" || tree.entries.length !== 1) return undefined;
  const [entry] = tree.entries;
  return entry?.key === "file" && entry.value.kind === "scalar" ? entry.value : undefined;
}

export type ValueReader = ReturnType<typeof createValueReader>;

export function createValueReader({ env, folder, faults, references, files }: ReadContext) {
  const fault = (tree: Tree, path: string, message: string) => {
    faults.push({ at: tree.at, path, message });
    return { kind: "fault" } as const;
  };
  const wrong = (tree: Tree, path: string, message: string): "fault" => {
    fault(tree, path, message);
    return "fault";
  };

  /** A text with its references replaced; may be empty. */
  function expand(tree: Scalar, path: string): Part {
    const { text, names, faults: found } = expandReferences(String(tree.value), env);
    for (const name of names) references.add(name);
    for (const message of found) wrong(tree, path, message);
    return found.length > 0 ? "fault" : { text };
  }

  function text(tree: Tree, path: string): Part {
    if (tree.kind !== "scalar") return wrong(tree, path, "must be text");
    if (typeof tree.value !== "string") return wrong(tree, path, "must be text. Put it in quotes");
    if (tree.value === "") return wrong(tree, path, "is empty. Write a value, or remove the key");
    return expand(tree, path);
  }

  /** A path, relative to the folder of the configuration file. */
  function path(tree: Tree, at: string): Part {
    const part = text(tree, at);
    if (part === "fault" || part.text === "") return part;
    return { text: resolve(folder, part.text.replace(/^\/\/(?=\/)/, "")) };
  }

  function content(tree: Tree, at: string, file: string): Part {
    files.add(file);
    const value = readValueFile(file);
    return "text" in value ? value : wrong(tree, at, value.fault);
  }

  function item(tree: Tree, at: string): Part {
    const file = fileOf(tree);
    if (file === undefined) return text(tree, at);
    const target = path(file, joinPath(at, "file"));
    return target === "fault" ? target : content(tree, at, target.text);
  }

  return { fault, wrong, expand, text, path, content, item };
}
