// Request target validation: accepts only targets that all parsers between browser and upstream read alike.

/** Common limit of upstreams: 8 kB. */
const MAX_TARGET_LENGTH = 8_192;

export type TargetError =
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

export type TargetRules = {
  /** Whether any parser could read the target as a path of the gateway or of an upstream row. */
  isStrict: (target: string) => boolean;
  /** Whether the row of a target accepts escaped slashes; asked only for targets that have one. */
  allowsEscapedSlashes: (target: string) => boolean;
};

/**
 * A single scan without decoding and without a URL parser: `new URL()` on a target chosen by a browser can select another
 * host, which would receive the bearer. Strict rules apply to paths of the gateway and of upstreams; other paths only need
 * a valid form.
 */
export function inspectTarget(target: string, rules: TargetRules): "ok" | TargetError {
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
  if (!rules.isStrict(target)) return "ok";
  const path = target.slice(0, pathEnd);
  const hasEscapedSlash = /%2f/i.test(path) && rules.allowsEscapedSlashes(target);
  return inspectPath(hasEscapedSlash ? withPlainSlashes(path) : path);
}

/** Escaped slashes are checked as separators: the segments between them may be no dot segments and not empty either. */
function withPlainSlashes(path: string): string {
  return path.replaceAll(/%2f/gi, "/");
}

function inspectPath(target: string): "ok" | TargetError {
  const end = target.length;
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
      // Servlet containers strip path parameters: `/admin;x`, `/..;/` (CVE-2026-73511).
      return "path parameter";
    } else if (char === PERCENT) {
      const byte = escapedByte(target, at, end);
      if (byte >= 0x80) hasNonAscii = true;
      const verdict = inspectByte(byte);
      if (verdict !== "ok") return verdict;
    }
  }
  return hasNonAscii ? inspectUnicode(target) : "ok";
}

function isDots(target: string, start: number, length: number): boolean {
  if (length !== 1 && length !== 2) return false;
  return target.charCodeAt(start) === DOT && (length === 1 || target.charCodeAt(start + 1) === DOT);
}

/** @returns the byte of an escape, also if it is escaped repeatedly (`%2e`, `%252e`, …); -1 if it is malformed */
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

function inspectByte(byte: number): "ok" | TargetError {
  if (byte === -1) return "malformed escape in path";
  if (byte < 0x20 || byte === 0x7f) return "escaped control character in path";
  if (byte === SLASH || byte === BACKSLASH) return "escaped slash or backslash in path";
  if (byte === SEMICOLON) return "path parameter";
  // `/%61dmin` is `/admin` to an upstream but matches no configured prefix. Browsers do not escape these characters.
  if (isUnreserved(byte)) return "escaped unreserved character in path";
  // Bytes that do not occur in UTF-8: `%c0%ae` is an overlong dot.
  return byte === 0xc0 || byte === 0xc1 || byte >= 0xf5 ? "path is not UTF-8" : "ok";
}

function isUnreserved(byte: number): boolean {
  const lower = byte | 0x20;
  if ((lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39)) return true;
  return byte === DOT || byte === 0x2d || byte === 0x5f || byte === 0x7e;
}

/** Rejects full-width dots and slashes, which become ASCII in upstreams that apply NFKC. */
function inspectUnicode(path: string): "ok" | TargetError {
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
