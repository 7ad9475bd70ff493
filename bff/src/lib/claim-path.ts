// Paths of claims: a claim name with dots, a JSON Pointer (RFC 6901), or a JSON array of names. The only code that finds a
// value in claims by its path, and that reads a list of strings from a claim of any shape.

export type ClaimPath = {
  /** Name of a top-level claim that is used before `names`: `https://example.com/roles` contains dots as well. */
  claim: string | undefined;
  /** Names of nested members, outermost first. */
  names: readonly string[];
};

export type ParsedClaimPaths = { paths: readonly ClaimPath[] } | { fault: string };

const MAX_PATHS = 16;
const MAX_NAMES = 16;
const MAX_NAME_CHARS = 512;

/** Bounds of one list: a session record with more would be read with every request. */
export const MAX_STRINGS = 2_000;
const MAX_STRING_CHARS = 1_024;

const SYNTAX =
  'must be claim names such as roles, realm_access.roles, /resource_access/my.client/roles (JSON Pointer) or ["resource_access","my.client","roles"]';

/**
 * One or several paths, separated by blanks or commas. A text that begins with `[` is JSON: one path as an array of
 * names, or several as an array of such arrays.
 */
export function parseClaimPaths(text: string): ParsedClaimPaths {
  const found = text.trimStart().startsWith("[") ? pathsFromJson(text) : pathsFromWords(text);
  if (typeof found === "string") return { fault: `${SYNTAX}: ${found}` };
  if (found.length > MAX_PATHS) return { fault: `must have at most ${MAX_PATHS} paths` };
  const isTooLong = ({ names }: ClaimPath) =>
    names.length > MAX_NAMES || names.some((name) => name.length > MAX_NAME_CHARS);
  if (found.some(isTooLong))
    return { fault: `must have at most ${MAX_NAMES} names in a path and ${MAX_NAME_CHARS} characters in a name` };
  return { paths: found };
}

function pathsFromJson(text: string): ClaimPath[] | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not valid JSON";
  }
  if (isListOfNames(value)) return [{ claim: undefined, names: value }];
  if (Array.isArray(value) && value.length > 0 && value.every(isListOfNames))
    return value.map((names) => ({ claim: undefined, names }));
  return "the JSON array must contain names, or arrays of names";
}

function isListOfNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}

function pathsFromWords(text: string): ClaimPath[] | string {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 0) return "it is empty";
  const paths: ClaimPath[] = [];
  for (const word of words) {
    if (word.startsWith("[")) return "a JSON array must be the whole value";
    const path = word.startsWith("/") ? pathFromPointer(word) : pathFromName(word);
    if (typeof path === "string") return path;
    paths.push(path);
  }
  return paths;
}

/** RFC 6901 §3 and §4. */
function pathFromPointer(pointer: string): ClaimPath | string {
  if (/~(?![01])/.test(pointer)) return "in a JSON Pointer ~ must be written as ~0, and / in a name as ~1";
  const names = pointer.slice(1).split("/");
  // In this order, so that ~01 becomes ~1 and not a slash.
  return { claim: undefined, names: names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~")) };
}

function pathFromName(name: string): ClaimPath | string {
  const names = name.split(".");
  return names.includes("") ? "a name between dots is empty" : { claim: name, names };
}

/** @returns the value at the path, undefined without one. Reads own members only: `constructor` is not a claim. */
export function valueAt(claims: object, { claim, names }: ClaimPath): unknown {
  if (claim !== undefined && Object.hasOwn(claims, claim)) return (claims as Record<string, unknown>)[claim];
  let value: unknown = claims;
  for (const name of names) value = memberOf(value, name);
  return value;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  // RFC 6901 §4: of an array only its elements, not `length`.
  if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/**
 * @returns the distinct strings of a claim, at most MAX_STRINGS: of a text its words, of an array its strings and the
 * `name` of its objects, of an object its keys whose value is not false or null (Zitadel)
 */
export function stringsOf(value: unknown): string[] {
  const strings = new Set<string>();
  for (const each of candidates(value)) {
    if (strings.size === MAX_STRINGS) break;
    if (typeof each === "string" && each !== "" && each.length <= MAX_STRING_CHARS) strings.add(each);
  }
  return [...strings];
}

function candidates(value: unknown): unknown[] {
  if (typeof value === "string") return value.split(/[ \t\r\n]+/);
  if (Array.isArray(value)) return value.map((each) => (typeof each === "string" ? each : memberOf(each, "name")));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, granted]) => (granted === false || granted === null ? [] : [key]));
}

/** @returns the distinct strings at all paths, in the order of the paths, at most MAX_STRINGS */
export function stringsAt(claims: object, paths: readonly ClaimPath[]): string[] {
  return stringsOf(paths.flatMap((path) => stringsOf(valueAt(claims, path))));
}
