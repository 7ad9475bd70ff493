// Which request targets are taken at all: only such that every parser on the way reads as we do.

/** Longer targets are refused; upstreams commonly take 8 kB. */
export const MAX_TARGET_LENGTH = 8_192;

export type TargetFault =
  | "target too long"
  | "target is not origin-form"
  | "target starts like another host"
  | "control or non-ASCII character in target"
  | "fragment in target"
  | "backslash in path"
  | "empty path segment"
  | "dot segment in path"
  | "path parameter"
  | "malformed escape in path"
  | "escaped unreserved character in path"
  | "escaped slash or backslash in path"
  | "escaped control character in path"
  | "path is not UTF-8";

const HASH = 0x23;
const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const SEMICOLON = 0x3b;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;

/**
 * One scan, no decoding and no URL parser: `new URL()` on a target that a browser chose is how a bearer leaves for
 * another host. Paths that any parser could place under /api or /bff are held to the strict rules, others only to the
 * shape.
 */
export function inspectTarget(target: string): "ok" | TargetFault {
  if (target.length > MAX_TARGET_LENGTH) return "target too long";
  if (target.charCodeAt(0) !== SLASH) return "target is not origin-form";
  const second = target.charCodeAt(1);
  if (second === SLASH || second === BACKSLASH) return "target starts like another host";
  let pathEnd = target.length;
  for (let at = 1; at < target.length; at++) {
    const char = target.charCodeAt(at);
    if (char <= 0x20 || char >= 0x7f) return "control or non-ASCII character in target";
    if (char === HASH) return "fragment in target";
    if (char === QUESTION && pathEnd === target.length) pathEnd = at;
    else if (char === BACKSLASH && pathEnd === target.length) return "backslash in path";
  }
  return couldBeGatewayPath(target) ? inspectPath(target, pathEnd) : "ok";
}

/**
 * Wider than routeClass: case-blind, and `/api;x` and `/api%2fx` count, which other parsers on the way place under
 * /api. `/api-keys` and `/apis` do not: no parser does.
 */
function couldBeGatewayPath(target: string): boolean {
  const start = target.slice(0, 4).toLowerCase();
  if (start !== "/api" && start !== "/bff") return false;
  const next = target.charCodeAt(4);
  return Number.isNaN(next) || next === SLASH || next === QUESTION || next === SEMICOLON || next === PERCENT;
}

function inspectPath(target: string, end: number): "ok" | TargetFault {
  let segmentStart = 1;
  let hasNonAscii = false;
  for (let at = 1; at <= end; at++) {
    const char = at === end ? SLASH : target.charCodeAt(at);
    if (char === SLASH) {
      const length = at - segmentStart;
      if (length === 0 && at !== end) return "empty path segment";
      if (isDots(target, segmentStart, length)) return "dot segment in path";
      segmentStart = at + 1;
    } else if (char === SEMICOLON) {
      // `/admin;x` and `/..;/` mean another path to servlet containers than to us (CVE-2026-73511).
      return "path parameter";
    } else if (char === PERCENT) {
      const byte = escapedByte(target, at, end);
      if (byte >= 0x80) hasNonAscii = true;
      const fault = inspectByte(byte);
      if (fault !== "ok") return fault;
    }
  }
  return hasNonAscii ? inspectUnicode(target.slice(0, end)) : "ok";
}

function isDots(target: string, start: number, length: number): boolean {
  if (length !== 1 && length !== 2) return false;
  return target.charCodeAt(start) === DOT && (length === 1 || target.charCodeAt(start + 1) === DOT);
}

/** @returns the byte an escape stands for however often it is escaped (`%2e`, `%252e`, …), or -1 if it is none. */
function escapedByte(target: string, percentAt: number, end: number): number {
  let byte = -1;
  for (let at = percentAt + 1; at + 2 <= end; at += 2) {
    const next = hexValue(target.charCodeAt(at)) * 16 + hexValue(target.charCodeAt(at + 1));
    if (Number.isNaN(next)) break;
    byte = next;
    if (byte !== PERCENT) break;
  }
  return byte;
}

function hexValue(char: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  const lower = char | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}

function inspectByte(byte: number): "ok" | TargetFault {
  if (byte === -1) return "malformed escape in path";
  if (byte < 0x20 || byte === 0x7f) return "escaped control character in path";
  if (byte === SLASH || byte === BACKSLASH) return "escaped slash or backslash in path";
  if (byte === SEMICOLON) return "path parameter";
  // `/%61dmin` is `/admin` to an upstream, but matches no upstream prefix of ours. Browsers never escape these.
  if (isUnreserved(byte)) return "escaped unreserved character in path";
  // Lead bytes that UTF-8 does not have: `%c0%ae` is an overlong dot.
  return byte === 0xc0 || byte === 0xc1 || byte >= 0xf5 ? "path is not UTF-8" : "ok";
}

function isUnreserved(byte: number): boolean {
  const lower = byte | 0x20;
  if ((lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39)) return true;
  return byte === DOT || byte === 0x2d || byte === 0x5f || byte === 0x7e;
}

/** Full-width dots and slashes become ASCII ones in upstreams that normalise (NFKC). */
function inspectUnicode(path: string): "ok" | TargetFault {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return "path is not UTF-8";
  }
  const folded = decoded.normalize("NFKC");
  if (folded.split("/").length !== decoded.split("/").length || folded.includes("\\"))
    return "escaped slash or backslash in path";
  return folded.split("/").some((segment) => segment === "." || segment === "..") ? "dot segment in path" : "ok";
}
