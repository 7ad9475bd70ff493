// Deny-lists of header names: table format, lookup and name normalization.
import { FifoCache } from "../lib/fifo-cache.ts";

/** Names, prefixes or words that are not forwarded, as `name: reason`. */
export type HeaderRules = Readonly<Record<string, string>>;

export type HeaderTables = {
  /** Whole names. */
  names: HeaderRules;
  /** Prefixes of names. */
  prefixes: HeaderRules;
  /** Whole words of a name, separated by hyphens. */
  words: HeaderRules;
  /** Prefixes of words. */
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

/** Capacity of the cache: above the number of names in real traffic. Invented names evict each other. */
const MAX_CACHED_NAMES = 1_000;

/**
 * The name as CGI-like upstreams read it: WSGI, PHP, Rack and CGI map all characters except letters and digits to the
 * underscore, so that `X_Forwarded.User` and `X-Forwarded-User` are the same name (CVE-2025-64484).
 */
export function normalizedName(lowerCaseName: string): string {
  return isPlainName(lowerCaseName) ? lowerCaseName : lowerCaseName.replace(/[^a-z0-9]/g, "-");
}

/**
 * Letters and digits of the name. Equal for all spellings that some upstream reads as one name: `X_User.Email`, `X-User--Email`
 * and `XUserEmail` are `xuseremail`. Also equal for some names that no known upstream confuses.
 */
export function comparableName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Whether all upstreams read this name alike. */
export function isPlainName(lowerCaseName: string): boolean {
  return /^[a-z0-9-]+$/.test(lowerCaseName);
}

/** @returns a predicate for normalized names that are in the tables */
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

/** Memoizes a decision by name in a FIFO cache. */
export function cacheByName(decide: (lowerCaseName: string) => boolean): (lowerCaseName: string) => boolean {
  const decisions = new FifoCache<string, boolean>(MAX_CACHED_NAMES);
  return (name) => {
    const known = decisions.get(name);
    if (known !== undefined) return known;
    const decision = decide(name);
    decisions.set(name, decision);
    return decision;
  };
}
