// Natural forms of the page policies in the configuration file: mappings of directives, features and parts of HSTS. They
// become the text that the environment would hold. Keys and entries cannot contain the separators of that text.
import { KEYWORDS, UPGRADE } from "../csp-directives.ts";
import type { Part, ValueReader } from "./value-reader.ts";
import { joinPath, type Entry, type Tree } from "./yaml-tree.ts";

/** `{ script-src: [self, https://cdn.example], upgrade-insecure-requests: true }` */
export function cspDirectives(reader: ValueReader, tree: Tree, at: string): Part {
  return joined(reader, tree, { at, separator: "; ", key: /^[A-Za-z-]+$/ }, ({ key, value }, place) => {
    const isUpgrade = key.toLowerCase() === UPGRADE;
    if (isUpgrade && isBoolean(value)) return { text: value.value ? UPGRADE : "" };
    const sources = texts(reader, value, place);
    if (sources === "fault") return sources;
    const wrong = sources.find(({ text, isEntry }) => text.includes(";") || (isEntry && /\s/.test(text)));
    if (wrong !== undefined) return reader.wrong(wrong.tree, wrong.at, SEVERAL);
    const words = sources.flatMap(({ text }) => text.split(/\s+/)).filter((word) => word !== "");
    if (words.length === 0 && !isUpgrade)
      return reader.wrong(value, place, "names no source. Write one, e.g. https://cdn.example.com, or remove the key");
    return { text: [key, ...words.map(quoted)].join(" ") };
  });
}

/** YAML removes the quotes of `'self'`, and a host cannot have the name of a keyword. */
function quoted(word: string): string {
  const isKeyword =
    Object.hasOwn(KEYWORDS, `'${word.toLowerCase()}'`) || /^(none$|nonce-|sha(256|384|512)-)/i.test(word);
  return isKeyword ? `'${word}'` : word;
}

/** `{ camera: [], geolocation: [self, https://maps.example], fullscreen: "*" }` */
export function permissions(reader: ValueReader, tree: Tree, at: string): Part {
  return joined(reader, tree, { at, separator: ", ", key: /^[a-z][a-z0-9-]*$/ }, ({ key, value }, place) => {
    const origins = texts(reader, value, place);
    if (origins === "fault") return origins;
    const [only] = origins;
    // As in the header.
    if (only?.isEntry === false && /^\([^()]*\)$/.test(only.text)) return { text: `${key}=${only.text}` };
    const wrong = origins.find(({ text }) => /[\s,;"()\\]/.test(text));
    if (wrong !== undefined)
      return reader.wrong(wrong.tree, wrong.at, "must be self, * or one origin. Write one per entry of the list");
    const words = origins.map(({ text }) => text).filter((text) => text !== "");
    return { text: `${key}=(${words.map((word) => (/^(self|src|\*)$/.test(word) ? word : `"${word}"`)).join(" ")})` };
  });
}

/** `{ maxAgeSeconds: 31536000, includeSubDomains: true, preload: false }` */
export function transportSecurity(reader: ValueReader, tree: Tree, at: string): Part {
  return joined(
    reader,
    tree,
    { at, separator: "; ", key: /^(maxAgeSeconds|includeSubDomains|preload)$/ },
    ({ key, value }, place) => {
      if (key !== "maxAgeSeconds")
        return isBoolean(value)
          ? { text: value.value ? key : "" }
          : reader.wrong(value, place, "must be true or false, without quotes");
      const isNumber = value.kind === "scalar" && typeof value.value === "number";
      const part = isNumber ? { text: value.source } : reader.text(value, place);
      if (part === "fault") return part;
      if (!/^\d{1,10}$/.test(part.text)) return reader.wrong(value, place, "must be a whole number of seconds");
      return { text: `max-age=${part.text}` };
    },
  );
}

const SEVERAL = "is several values. Write one per entry of the list";

type Rule = { at: string; separator: string; key: RegExp };

/** Text passes as it is. */
function joined(
  reader: ValueReader,
  tree: Tree,
  { at, separator, key }: Rule,
  read: (entry: Entry, place: string) => Part,
): Part {
  if (tree.kind === "scalar") return reader.text(tree, at);
  if (tree.kind === "sequence") return reader.wrong(tree, at, "must be text, or a mapping of names to values");
  const parts = tree.entries.map((entry): Part => {
    const place = joinPath(at, entry.key);
    if (!key.test(entry.key)) return reader.wrong(entry.value, place, "is not a name that is known here. Correct it");
    return read(entry, place);
  });
  const found = parts.flatMap((part) => (part === "fault" ? [] : [part.text]));
  return found.length < parts.length ? "fault" : { text: found.filter((text) => text !== "").join(separator) };
}

type Text = { text: string; tree: Tree; at: string; isEntry: boolean };

/** One text, or a list of them. */
function texts(reader: ValueReader, tree: Tree, at: string): Text[] | "fault" {
  const isList = tree.kind === "sequence";
  const found = (isList ? tree.items : [tree]).map((item, index) => {
    const place = isList ? `${at}[${index}]` : at;
    const part = reader.item(item, place);
    return part === "fault" ? part : { text: part.text, tree: item, at: place, isEntry: isList };
  });
  const whole = found.filter((each) => each !== "fault");
  return whole.length < found.length ? "fault" : whole;
}

function isBoolean(tree: Tree): tree is Tree & { value: boolean } {
  return tree.kind === "scalar" && typeof tree.value === "boolean";
}
