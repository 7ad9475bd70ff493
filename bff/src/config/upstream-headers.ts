// Request headers that an upstream row adds. Framing, credentials and headers of the gateway are rejected.
import { cleanText, readValueFile, type SettingText } from "./setting-text.ts";

const RESERVED: Readonly<Record<string, string>> = {
  authorization: "the bearer is chosen by `token`",
  dpop: "the gateway proves the possession of the token's key",
  cookie: "cookies are not forwarded",
  cookie2: "cookies are not forwarded",
  host: "it is set from the base URL",
  "content-length": "the gateway sets the framing",
  "transfer-encoding": "the gateway sets the framing",
  connection: "it is hop-by-hop",
  "keep-alive": "it is hop-by-hop",
  te: "it is hop-by-hop",
  trailer: "it is hop-by-hop",
  upgrade: "it is hop-by-hop",
  "http2-settings": "it is hop-by-hop",
  expect: "the gateway handles it",
  forwarded: "the gateway sets the client address",
  "x-request-id": "the gateway generates one per request",
  traceparent: "it would merge all requests into one trace",
  "accept-encoding": "the browser decides which encodings it supports",
  range: "it would change the browser's request",
};

const RESERVED_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ["x-forwarded-", "the gateway sets the client address"],
  ["proxy-", "it is hop-by-hop"],
  ["sec-", "only browsers may set it"],
  ["if-", "it would change the browser's request"],
];

type Fault = (key: string, message: string) => void;

/** @returns values by lower-case name */
type Entries = Readonly<Record<string, string | { file: string }>>;

export function readHeaders(entries: Entries, fault: Fault): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, entry] of Object.entries(entries)) {
    const key = `headers.${name}`;
    const lower = name.toLowerCase();
    const value = typeof entry === "string" ? textOf(entry) : readValueFile(entry.file);
    const reason = reservedReason(lower);
    if (!/^[a-z0-9!#$%&'*+.^`|~-]+$/.test(lower)) fault(key, "is not a header name: letters, digits and hyphens");
    else if (reason !== undefined) fault(key, `may not be set here: ${reason}. Remove it`);
    else if (headers.has(lower)) fault(key, "is there twice. Keep one");
    else if ("fault" in value) fault(key, value.fault);
    else if (!/^[\x20-\x7e]*$/.test(value.text)) fault(key, "must have a value of printable ASCII");
    else headers.set(lower, value.text);
  }
  return headers;
}

/** An empty value is allowed; white space alone is an error, as in a file. */
function textOf(entry: string): SettingText {
  return entry === "" ? { text: entry } : cleanText(entry);
}

/** @returns why the gateway sets this header itself, or never sends it; undefined: a row may set it */
export function reservedReason(lower: string): string | undefined {
  if (Object.hasOwn(RESERVED, lower)) return RESERVED[lower];
  return RESERVED_PREFIXES.find(([prefix]) => lower.startsWith(prefix))?.[1];
}
