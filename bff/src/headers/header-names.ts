// Tables of header names that do not cross, and the lookup that decides by them.
import { FifoCache } from "../lib/fifo-cache.ts";

/** Names, families or words that do not cross, as `name: reason`. */
export type HeaderRules = Readonly<Record<string, string>>;

export type HeaderTables = {
  /** Whole names. */
  names: HeaderRules;
  /** Beginnings of names. */
  prefixes: HeaderRules;
  /** Whole words of a name; the words are separated by hyphens. */
  words: HeaderRules;
  /** Beginnings of such words. */
  stems: HeaderRules;
};

export const HOP_BY_HOP: HeaderRules = {
  connection: "hop-by-hop (RFC 9110 §7.6.1)",
  "keep-alive": "hop-by-hop",
  "proxy-connection": "hop-by-hop, never standard",
  te: "hop-by-hop; trailers are not forwarded",
  trailer: "trailers are not forwarded: some servers would merge one named Authorization",
  "transfer-encoding": "each side has its own framing (request smuggling)",
  upgrade: "hop-by-hop; a generic upgrade turns the connection into a tunnel (CVE-2026-73548)",
  "http2-settings": "hop-by-hop",
};

/** More names than real traffic has; requests with invented names push each other out. */
const REMEMBERED_NAMES = 1_000;

/**
 * The name as CGI-like upstreams read it: WSGI, PHP, Rack and CGI map every character that is not a letter or a digit
 * to one and the same underscore, so `X_Forwarded.User` and `X-Forwarded-User` are one name there (CVE-2025-64484).
 */
export function normalizedName(lowerCaseName: string): string {
  return isPlainName(lowerCaseName) ? lowerCaseName : lowerCaseName.replace(/[^a-z0-9]/g, "-");
}

/** Whether every upstream reads this name as the same name. */
export function isPlainName(lowerCaseName: string): boolean {
  return /^[a-z0-9-]+$/.test(lowerCaseName);
}

/** @returns a test for names that a table lists; it expects a normalized name */
export function isListed({ names, prefixes, words, stems }: HeaderTables): (name: string) => boolean {
  const nameSet: ReadonlySet<string> = new Set(Object.keys(names));
  const wordList = Object.keys(words).map((word) => `${word}(?![a-z0-9])`);
  const prefix = anyOf(`^`, Object.keys(prefixes));
  const word = anyOf("(?:^|-)", [...wordList, ...Object.keys(stems)]);
  return (name) => nameSet.has(name) || prefix.test(name) || word.test(name);
}

function anyOf(before: string, beginnings: readonly string[]): RegExp {
  return beginnings.length === 0 ? /(?!)/ : new RegExp(`${before}(?:${beginnings.join("|")})`);
}

/** Looks a name up in a FIFO cache first, so that a name costs one lookup after its first use. */
export function rememberVerdicts(decide: (lowerCaseName: string) => boolean): (lowerCaseName: string) => boolean {
  const verdicts = new FifoCache<string, boolean>(REMEMBERED_NAMES);
  return (name) => {
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = decide(name);
    verdicts.set(name, verdict);
    return verdict;
  };
}
