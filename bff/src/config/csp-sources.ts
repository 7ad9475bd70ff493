// Parses one source expression of a Content-Security-Policy (CSP Level 3 §2.3.1). Text outside the grammar is
// rejected: a `;` would begin another directive, a `,` another policy (header injection).
import { nearestName } from "./nearest-name.ts";
import { shown } from "./setting-text.ts";
import { HASH_DIRECTIVES, isAboutAttributes, KEYWORDS, NONCE_DIRECTIVES, type CspDirective } from "./csp-directives.ts";

export type CspSource =
  | { kind: "keyword"; text: string }
  | { kind: "nonce"; text: string }
  | { kind: "hash"; text: string }
  | { kind: "scheme"; text: string; scheme: string }
  | { kind: "host"; text: string; scheme: string | undefined; host: string; port: string | undefined; path: string };

type Parsed = { source: CspSource } | { fault: string };

const SCHEME = /^([a-z][a-z0-9+.-]*):$/i;
const HOST =
  /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?)(?::(\d{1,5}|\*))?(\/[\w\-.~%!$&()*+=:@/]*)?$/i;
const NONCE = /^'nonce-[\w+/-]+={0,2}'$/i;
const HASH = /^'(sha256|sha384|sha512)-([\w+/-]+={0,2})'$/i;
const HASH_BYTES: Readonly<Record<string, number>> = { sha256: 32, sha384: 48, sha512: 64 };
const MAX_PORT = 65_535;

/** @returns the source in the spelling of the header, or a fault that begins with a verb */
export function parseCspSource(text: string, directive: CspDirective): Parsed {
  if (!/^[!-~]+$/.test(text))
    return { fault: "has a character that is not printable ASCII. Write international host names in Punycode (xn--…)" };
  if (/[,;]/.test(text)) return { fault: "contains `,` or `;`. Separate sources by blanks" };
  if (text.startsWith("'")) return parseQuoted(text, directive);
  const unquoted = parseUnquotedKeyword(text);
  if (unquoted !== undefined) return unquoted;
  if (isAboutAttributes(directive))
    return { fault: `has no effect in ${directive}, which knows 'unsafe-inline', 'unsafe-hashes' and hashes only` };
  const [, scheme] = SCHEME.exec(text) ?? [];
  if (scheme !== undefined)
    return { source: { kind: "scheme", text: text.toLowerCase(), scheme: scheme.toLowerCase() } };
  return parseHost(text);
}

function parseQuoted(text: string, directive: CspDirective): Parsed {
  const keyword = text.toLowerCase();
  if (keyword === "'none'") return { fault: "has no effect: CSP_ADDITIONS can only add sources. Remove it" };
  const known = KEYWORDS[keyword];
  if (known !== undefined)
    return known.includes(directive)
      ? { source: { kind: "keyword", text: keyword } }
      : {
          fault: `has no effect in ${directive}. It belongs to ${known.filter((name) => name !== "default-src").join(", ")}`,
        };
  if (NONCE.test(text)) return usableIn(NONCE_DIRECTIVES, directive, { kind: "nonce", text });
  const [, algorithm = "", digest = ""] = HASH.exec(text) ?? [];
  if (digest === "")
    return { fault: `is not a keyword, nonce or hash of CSP. Did you mean ${nearestKeyword(keyword)}?` };
  if (Buffer.from(digest, "base64").length !== HASH_BYTES[algorithm.toLowerCase()])
    return { fault: `is not a whole ${algorithm} hash in base64. Copy it from the browser's console` };
  return usableIn(HASH_DIRECTIVES, directive, { kind: "hash", text });
}

function usableIn(directives: readonly CspDirective[], directive: CspDirective, source: CspSource): Parsed {
  if (directives.includes(directive)) return { source };
  return { fault: `has no effect in ${directive}. Nonces and hashes are for scripts and styles` };
}

function nearestKeyword(keyword: string): string {
  return nearestName(keyword, Object.keys(KEYWORDS)).name;
}

/** Without quotes, `self` is the name of a host. */
function parseUnquotedKeyword(text: string): Parsed | undefined {
  const isKeyword =
    Object.hasOwn(KEYWORDS, `'${text.toLowerCase()}'`) || /^(none$|nonce-|sha(256|384|512)-)/i.test(text);
  return isKeyword ? { fault: `is a keyword and needs quotes: '${shown(text)}'` } : undefined;
}

function parseHost(text: string): Parsed {
  const [, scheme, host, port, path = ""] = HOST.exec(text) ?? [];
  if (host === undefined) return { fault: `is not a source: ${hostRule(text)}` };
  if (port !== undefined && port !== "*" && Number(port) > MAX_PORT) return { fault: `has a port above ${MAX_PORT}` };
  if (
    scheme === undefined &&
    host !== "*" &&
    !host.includes(".") &&
    port === undefined &&
    host.toLowerCase() !== "localhost"
  )
    return {
      fault: `is not a host name. Write a host such as https://${shown(host)}.example.com, or a scheme such as data:`,
    };
  const origin = `${scheme === undefined ? "" : `${scheme}://`}${host}`.toLowerCase();
  const written = `${origin}${port === undefined ? "" : `:${port}`}${path}`;
  return {
    source: { kind: "host", text: written, scheme: scheme?.toLowerCase(), host: host.toLowerCase(), port, path },
  };
}

function hostRule(text: string): string {
  if (/[?#]/.test(text)) return "CSP compares no queries and fragments. End it before the ? or #";
  if (text.includes("[")) return "CSP has no IPv6 addresses. Use a host name";
  if (/^\/\/|^\//.test(text)) return "write scheme and host, e.g. https://cdn.example.com/path";
  if (/^(data|blob|javascript|filesystem):/i.test(text))
    return `write the scheme alone: ${text.split(":")[0]?.toLowerCase()}:`;
  if (text.includes("@")) return "CSP has no user names. Write scheme and host";
  if (/\*/.test(text)) return "a * stands for a whole host, its first label (*.example.com) or a port";
  return "write a host (https://cdn.example.com), a scheme (data:), or a keyword in quotes ('self')";
}
