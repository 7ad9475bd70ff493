// The request headers that a row adds. Framing, credentials and what the gateway itself says cannot be added.
import { cleanText, readValueFile, type SettingText } from "./setting-text.ts";
import type { UpstreamRow } from "./upstream-row.ts";

const RESERVED: Readonly<Record<string, string>> = {
  authorization: "the bearer is chosen by `token`",
  cookie: "no cookie ever goes upstream",
  cookie2: "no cookie ever goes upstream",
  host: "it comes from the address",
  "content-length": "framing is the gateway's",
  "transfer-encoding": "framing is the gateway's",
  connection: "it is hop-by-hop",
  "keep-alive": "it is hop-by-hop",
  te: "it is hop-by-hop",
  trailer: "it is hop-by-hop",
  upgrade: "it is hop-by-hop",
  "http2-settings": "it is hop-by-hop",
  expect: "it is answered by the gateway",
  forwarded: "the gateway says who is asking",
  "x-request-id": "the gateway sets it anew for every request",
  traceparent: "it would join all requests into one trace",
  "accept-encoding": "the browser decides what it can read",
  range: "it changes what the browser asked for",
};

const RESERVED_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ["x-forwarded-", "the gateway says who is asking"],
  ["proxy-", "it is hop-by-hop"],
  ["sec-", "only browsers speak about themselves"],
  ["if-", "it changes what the browser asked for"],
];

type Fault = (key: string, message: string) => void;

/** @returns names in lower case with their values */
export function readHeaders(entries: UpstreamRow["headers"], fault: Fault): ReadonlyMap<string, string> {
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

/** An empty header is a value; one of blanks is a mistake, as in a file. */
function textOf(entry: string): SettingText {
  return entry === "" ? { text: entry } : cleanText(entry);
}

function reservedReason(lower: string): string | undefined {
  if (Object.hasOwn(RESERVED, lower)) return RESERVED[lower];
  return RESERVED_PREFIXES.find(([prefix]) => lower.startsWith(prefix))?.[1];
}
