// Converts one claim to a request header value (RFC 9110 §5.5), exactly, or rejects it. A value that is shortened, or that the
// upstream could read as another one, would identify another user.
import { isWithin } from "../lib/is-within.ts";

/** `text`: a list is joined, any other value is sent as it is. `list`: the upstream splits the header. */
export type ClaimFormat = "text" | "list" | "json";
/** `percent`: UTF-8 bytes outside printable ASCII, `%` and the separator as %XX. */
export type ClaimEncoding = "utf-8" | "percent";

export type ClaimRules = Readonly<{
  format: ClaimFormat;
  separator: string;
  encoding: ClaimEncoding;
}>;

/** `value`: characters up to U+00FF, one for each byte. `problem`: why the claim cannot be sent exactly. */
export type ClaimValue = { value: string } | { problem: string };

/** Of sessions, deeper ones are dropped at the login. Bearer tokens may hold any. */
const MAX_DEPTH = 16;

const ABSENT: ClaimValue = { value: "" };

/** C0 and C1 controls, DEL, line and paragraph separator: line breaks for some readers, and cut off or rejected by others. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const OUTER_BLANK = /^ | $/;
/** Half of a surrogate pair: UTF-8 has no bytes for it, so that all of them would become U+FFFD. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** @returns an empty value for an absent claim, null, an empty text and an empty list */
export function claimValue(claim: unknown, rules: ClaimRules): ClaimValue {
  if (claim === undefined || claim === null) return ABSENT;
  if (rules.format === "json") return jsonValue(claim);
  if (Array.isArray(claim)) return listValue(claim, rules);
  return rules.format === "list" ? listValue([claim], rules) : scalarValue(claim, rules, "");
}

function listValue(list: readonly unknown[], rules: ClaimRules): ClaimValue {
  const parts: string[] = [];
  for (const element of list) {
    // An empty element carries no value, and upstreams that split the header ignore it.
    if (element === null || element === "") continue;
    const part = scalarValue(element, rules, rules.separator);
    if ("problem" in part) return part;
    parts.push(part.value);
  }
  return { value: parts.join(rules.separator) };
}

/** @param separator must not occur in the value, except encoded; empty: none */
function scalarValue(claim: unknown, { encoding }: ClaimRules, separator: string): ClaimValue {
  const text = textOf(claim);
  if (typeof text !== "string") return text;
  if (LONE_SURROGATE.test(text)) return { problem: "holds half of a surrogate pair" };
  if (encoding === "percent") return { value: percentEncoded(text, separator) };
  if (CONTROL.test(text)) return { problem: "holds a control character. Set encoding to percent" };
  if (OUTER_BLANK.test(text)) return { problem: "begins or ends with a blank. Set encoding to percent" };
  if (separator !== "" && text.includes(markOf(separator)))
    return { problem: "holds the separator in an element. Set another separator, or encoding to percent" };
  return { value: bytesOf(text) };
}

/** Parsers that split at `,` trim the blank of `, `. */
function markOf(separator: string): string {
  const mark = separator.trim();
  return mark === "" ? separator : mark;
}

function textOf(claim: unknown): string | { problem: string } {
  if (typeof claim === "string") return claim;
  if (typeof claim === "boolean") return String(claim);
  if (typeof claim === "number") return isExact(claim) ? String(claim) : INEXACT;
  return { problem: "is an object, or a list within a list. Set format to json" };
}

/** JSON numbers beyond 2^53 have been rounded by the parser: two users could have the same one. */
function isExact(number: number): boolean {
  return !Number.isInteger(number) || Number.isSafeInteger(number);
}

const INEXACT = { problem: "is a number above 2^53, which is not exact. Let the provider send it as a string" };

/** ASCII only: other characters as \uXXXX (RFC 8259 §7). */
function jsonValue(claim: unknown): ClaimValue {
  if (!isWithin(claim, MAX_DEPTH)) return { problem: `is nested more than ${MAX_DEPTH} levels` };
  if (!isExactThroughout(claim)) return INEXACT;
  const json = JSON.stringify(claim);
  return {
    value: json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
  };
}

function isExactThroughout(value: unknown): boolean {
  if (typeof value === "number") return isExact(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isExactThroughout);
}

/** RFC 3986 §2.1. Printable ASCII stays readable, except `%`, the separator and outer blanks. */
function percentEncoded(text: string, separator: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const char = String.fromCharCode(byte);
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && !separator.includes(char);
    encoded += isPlain ? char : percent(byte);
  }
  return encoded.replace(/^ | $/g, percent(0x20));
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** undici writes each character as one byte. */
function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
