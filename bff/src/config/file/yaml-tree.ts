// Reads YAML 1.2 (core schema) into a plain tree with positions. The only module that uses the YAML parser. Its messages
// are not used: they quote the file, which may contain secrets.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Alias,
  type Document,
  type ParsedNode,
} from "yaml";

export type Position = Readonly<{ line: number; column: number }>;
/** A fault of the file; `path` is empty where the file has no structure yet. */
export type Fault = Readonly<{ at: Position; path: string; message: string }>;

export type Scalar = Readonly<{
  kind: "scalar";
  at: Position;
  value: string | number | boolean | null;
  /** As written, without quotes. */
  source: string;
  /** Nothing is written, as after `key:`. */
  isBlank: boolean;
}>;
export type Sequence = Readonly<{ kind: "sequence"; at: Position; items: readonly Tree[] }>;
export type Entry = Readonly<{ key: string; at: Position; value: Tree }>;
export type Mapping = Readonly<{ kind: "mapping"; at: Position; entries: readonly Entry[] }>;
export type Tree = Scalar | Sequence | Mapping;

/** Values of the whole tree, those of aliases counted at each use ("billion laughs"). */
const MAX_VALUES = 50_000;
const START: Position = { line: 1, column: 1 };

/** Sentences about the parser's error codes; others are "not valid YAML here". */
const SYNTAX_RULES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "has a tab in its indentation. Use spaces",
  MISSING_CHAR: "lacks a closing quote or bracket. Add it",
  BAD_INDENT: "is indented differently from its neighbours. Align it",
  BAD_ALIAS: "has an alias or anchor without a valid name. Correct or remove it",
  BAD_DQ_ESCAPE: "has an escape sequence that YAML does not know. In double quotes write \\\\ for a backslash",
  BAD_SCALAR_START: "has a value that begins with a reserved character. Put it in quotes",
  BAD_DIRECTIVE: "has a directive that cannot be read. Remove it",
  BLOCK_AS_IMPLICIT_KEY: "has a second colon in one line. Put the value in quotes",
  KEY_OVER_1024_CHARS: "has a key of more than 1024 characters. Correct it",
  MULTILINE_IMPLICIT_KEY: "has a key that spans several lines. Add the missing colon or quote",
  RESOURCE_EXHAUSTION: "is nested too deeply. Reduce the nesting",
  TAG_RESOLVE_FAILED: "has a tag (!) that is not supported. Remove the tag",
  UNEXPECTED_TOKEN:
    "is not valid YAML here. Look for a wrong indentation or a missing quote; inside brackets and braces put ${NAME} in quotes",
};

const CORE_TAGS: ReadonlySet<string> = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`),
);

/** @returns the tree of the only document, undefined if the file cannot be read as one, and all faults */
export function readYamlTree(text: string): { tree: Tree | undefined; faults: Fault[] } {
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const unreadable = (at: Position, message: string) => ({ tree: undefined, faults: [{ at, path: "", message }] });
  const documents = parseAllDocuments<ParsedNode>(text, {
    ...{ version: "1.2", schema: "core", merge: false, strict: true },
    // Duplicate keys are reported with their path.
    ...{ uniqueKeys: false, prettyErrors: false, logLevel: "silent", lineCounter: lines },
  });
  const found = Array.isArray(documents) ? documents : [];
  const faults = found.flatMap((document) => syntaxFaults(document, positionOf));
  if (faults.length > 0) return { tree: undefined, faults: onePerLine(faults) };
  const [first, second] = found;
  if (second !== undefined)
    return unreadable(positionOf(second.range[0]), "begins a second document (---). Keep one per file");
  const contents = first?.contents ?? null;
  if (contents === null) return unreadable(START, EMPTY);
  const reader = createTreeReader(positionOf);
  const { tree, size } = reader.read(contents, "", START);
  if (size > MAX_VALUES) return unreadable(START, `has more than ${MAX_VALUES} values, those of aliases included`);
  return { tree, faults: reader.faults };
}

const EMPTY = "is empty. Write the settings into it, at least provider.issuer, provider.clientId and secretKeys";

function syntaxFaults(document: Document.Parsed<ParsedNode>, positionOf: (offset: number) => Position): Fault[] {
  const faults = [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    at: positionOf(pos[0]),
    path: "",
    message: SYNTAX_RULES[code] ?? "is not valid YAML here. Look for a wrong indentation or a missing quote",
  }));
  const { yaml, tags } = document.directives;
  if (yaml.explicit === true && yaml.version !== "1.2")
    faults.push({
      at: START,
      path: "",
      message: "has a %YAML directive of another version. Files are read as YAML 1.2. Remove it",
    });
  if (Object.keys(tags).length > 1)
    faults.push({ at: START, path: "", message: "has a %TAG directive. Tags are not supported. Remove it" });
  return faults;
}

/** One mistake often has several consequences in its line. */
function onePerLine(faults: readonly Fault[]): Fault[] {
  const first = new Map<number, Fault>();
  for (const fault of faults) if (!first.has(fault.at.line)) first.set(fault.at.line, fault);
  return [...first.values()];
}

type Read = { tree: Tree; size: number };

function createTreeReader(positionOf: (offset: number) => Position) {
  const faults: Fault[] = [];
  /** Undefined while the anchored value is being read: an alias inside it would have no end. */
  const anchors = new Map<string, Read | undefined>();

  function read(node: ParsedNode | null, path: string, parentAt: Position): Read {
    if (node === null) return nothing(parentAt);
    const at = positionOf(node.range[0]);
    if (isAlias(node)) return readAlias(node.source, path, at);
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag)) {
      faults.push({ at, path, message: SYNTAX_RULES["TAG_RESOLVE_FAILED"] ?? "" });
      return nothing(at);
    }
    const { anchor } = node;
    if (anchor !== undefined) anchors.set(anchor, undefined);
    const result = readContent(node, path, at);
    if (anchor !== undefined) anchors.set(anchor, result);
    return result;
  }

  function readContent(node: Exclude<ParsedNode, Alias>, path: string, at: Position): Read {
    if (isMap(node)) return readMapping(node.items, path, at);
    if (isSeq(node)) {
      const items = node.items.map((item, index) => read(item as ParsedNode, `${path}[${index}]`, at));
      return { tree: { kind: "sequence", at, items: items.map(({ tree }) => tree) }, size: sizeOf(items) };
    }
    const { value, source, type } = node;
    if (typeof value === "number" && !/^-?(0|[1-9]\d*)(\.\d+)?$/.test(source))
      faults.push({ at, path, message: NOTATION });
    const known = typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
    const isBlank = known === null && source === "" && type === "PLAIN";
    return { tree: { kind: "scalar", at, value: known, source, isBlank }, size: 1 };
  }

  function readAlias(name: string, path: string, at: Position): Read {
    const target = anchors.get(name);
    if (target !== undefined) return target;
    const message = anchors.has(name)
      ? "has an alias (*) inside the value that it names. Remove it"
      : "has an alias (*) without an anchor (&) before it. Correct the name";
    faults.push({ at, path, message });
    return nothing(at);
  }

  function readMapping(pairs: readonly Pair[], path: string, at: Position): Read {
    const linesOf = new Map<string, number>();
    const values: Read[] = [];
    const entries: Entry[] = [];
    for (const { key, value } of pairs) {
      const keyAt = key === null ? at : positionOf(key.range[0]);
      const name = isScalar(key) && typeof key.value === "string" ? key.value : undefined;
      const child = read(value, joinPath(path, name ?? "?"), keyAt);
      values.push(child);
      const message = name === undefined ? KEY_IS_TEXT : keyFault(name, linesOf.get(name));
      if (message !== undefined) faults.push({ at: keyAt, path, message });
      else if (name !== undefined) {
        linesOf.set(name, keyAt.line);
        entries.push({ key: name, at: keyAt, value: child.tree });
      }
    }
    return { tree: { kind: "mapping", at, entries }, size: sizeOf(values) };
  }

  return { faults, read };
}

function nothing(at: Position): Read {
  return { tree: { kind: "scalar", at, value: null, source: "", isBlank: true }, size: 1 };
}

const NOTATION =
  "is a number in a notation that YAML readers understand differently (010, 0o17, 0x1F, 1e3). Write a decimal number, or put a text in quotes";

type Pair = { key: ParsedNode | null; value: ParsedNode | null };

export function joinPath(path: string, key: string): string {
  return path === "" ? printable(key) : `${path}.${printable(key)}`;
}

const KEY_IS_TEXT = "has a key that is not text. Put it in quotes";

function keyFault(name: string, earlierLine: number | undefined): string | undefined {
  if (name === "<<")
    return "has a merge key (<<), which YAML 1.2 does not have. Write what all applications share at the top level";
  if (earlierLine !== undefined) return `has ${printable(name)} twice, first in line ${earlierLine}. Keep one`;
  return undefined;
}

/** A misplaced secret may have become a key: messages contain plain names only. */
export function printable(key: string): string {
  return /^[\w./-]{1,40}$/.test(key) ? key : "(key)";
}

function sizeOf(parts: readonly Read[]): number {
  return parts.reduce((sum, { size }) => sum + size, 1);
}
