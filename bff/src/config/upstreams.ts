// The upstream table: UPSTREAMS or UPSTREAMS_FILE → rows whose every value is known to be usable, or all their faults.
import type { z } from "zod";
import { isReserved } from "../headers/request-header-rules.ts";
import { nearestName } from "./nearest-name.ts";
import { readTextFile } from "./setting-text.ts";
import { readHeaders } from "./upstream-headers.ts";
import { UPSTREAM_ROW, type UpstreamRow } from "./upstream-row.ts";
import { readTls, type UpstreamTls } from "./upstream-tls.ts";

/** Which bearer goes to an upstream: the user's, the user's if there is one, none, or the gateway's own. */
export type UpstreamToken = UpstreamRow["token"];

/** Whom a token is for, in the protocol's own words; empty: whom the provider issues tokens for by itself. */
export type TokenTarget = Readonly<{ audience?: string; resource?: string; scope?: string }>;

type Turned =
  | "baseUrl"
  | "audience"
  | "resource"
  | "scope"
  | "headers"
  | "caFile"
  | "certFile"
  | "keyFile"
  | "serverName";

export type UpstreamConfig = Readonly<
  Omit<UpstreamRow, Turned> & {
    /** Scheme, host, port and base path without a final slash; of several, all with the same scheme and base path. */
    baseUrls: readonly string[];
    tokenTarget: TokenTarget;
    /** Sent with every request, by lower-case name. */
    headers: ReadonlyMap<string, string>;
    tls: UpstreamTls | undefined;
  }
>;

type Parsed = { upstreams: UpstreamConfig[]; faults: string[] };

/** @returns the rows, longest prefix first, and one sentence for each fault. */
export function parseUpstreams(list: string | undefined, file: string | undefined): Parsed {
  if (list !== undefined && file !== undefined)
    return { upstreams: [], faults: ["UPSTREAMS and UPSTREAMS_FILE are both set. Keep one."] };
  if (file !== undefined) return parseFile(file);
  const rows = (list ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parseRows(
    rows.map((part) => {
      const at = part.indexOf("=");
      // The short form has no rules that an open connection could go around: all of an API crosses.
      return { prefix: part.slice(0, Math.max(at, 0)), baseUrl: part.slice(at + 1), webSocket: true };
    }),
    "UPSTREAMS",
  );
}

function parseFile(file: string): Parsed {
  const fault = (message: string): Parsed => ({ upstreams: [], faults: [`UPSTREAMS_FILE ${message}.`] });
  const content = readTextFile(file);
  if ("fault" in content) return fault(content.fault);
  let rows: unknown;
  try {
    rows = JSON.parse(content.text);
  } catch {
    // The parser's own message quotes the file, and a header in it may be a secret.
    return fault("must hold JSON. Look for a missing quote, or a comma too many");
  }
  return Array.isArray(rows) ? parseRows(rows, "UPSTREAMS_FILE") : fault("must hold a JSON list of upstreams");
}

function parseRows(candidates: readonly unknown[], setting: string): Parsed {
  const upstreams: UpstreamConfig[] = [];
  const faults: string[] = [];
  const rowsOf = new Map<string, number>();
  candidates.forEach((candidate, index) => {
    const name = prefixOf(candidate);
    const fault = (key: string, message: string): void => {
      faults.push(`${setting} row ${index + 1}${name === undefined ? "" : ` (${name})`}: ${key} ${message}.`);
    };
    const other = name === undefined ? undefined : rowsOf.get(name);
    if (other !== undefined) fault("prefix", `is also that of row ${other}. Keep one row for it`);
    else if (name !== undefined) rowsOf.set(name, index + 1);
    const parsed = UPSTREAM_ROW.safeParse(candidate);
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        if (issue.code === "unrecognized_keys" && issue.path.length === 0)
          for (const key of issue.keys) fault(key, unknownKey(key));
        else fault(keyOf(issue, candidate), issue.message);
      }
      return;
    }
    for (const [key, message] of crossFaults(parsed.data)) fault(key, message);
    upstreams.push(configOf(parsed.data, fault));
  });
  return { upstreams: upstreams.toSorted((a, b) => b.prefix.length - a.prefix.length), faults };
}

function configOf(row: UpstreamRow, fault: (key: string, message: string) => void): UpstreamConfig {
  const { baseUrl, audience, resource, scope, headers, caFile, certFile, keyFile, serverName, ...rest } = row;
  const target = { audience, resource, scope };
  return {
    ...rest,
    baseUrls: baseUrl,
    tokenTarget: Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined)),
    headers: readHeaders(headers, fault),
    tls: readTls({ caFile, certFile, keyFile, serverName }, fault),
  };
}

/** Only what looks like one: a row may hold anything, and messages go to logs. */
function prefixOf(candidate: unknown): string | undefined {
  const prefix = typeof candidate === "object" && candidate !== null && "prefix" in candidate ? candidate.prefix : "";
  return typeof prefix === "string" && /^[\w/.-]{1,100}$/.test(prefix) ? prefix : undefined;
}

function keyOf(issue: z.core.$ZodIssue, candidate: unknown): string {
  if (issue.code === "unrecognized_keys") return [...issue.path, issue.keys.join(", ")].join(".");
  const [key, ...rest] = issue.path;
  if (key === undefined) return "the row";
  const isList = Array.isArray((candidate as Record<PropertyKey, unknown>)[key]);
  return [
    String(key),
    ...rest.map((part) => (typeof part === "number" ? (isList ? `[${part + 1}]` : "") : `.${String(part)}`)),
  ].join("");
}

const KEYS = Object.keys(UPSTREAM_ROW.shape);

/** Keys of earlier releases, with the reason for their removal. */
const REMOVED_KEYS: ReadonlyMap<string, string> = new Map([
  [
    "http2",
    "was removed because some truncated HTTP/2 responses appear complete to undici. Delete it: HTTP/1.1 is used",
  ],
]);

function unknownKey(key: string): string {
  const removal = REMOVED_KEYS.get(key);
  if (removal !== undefined) return removal;
  const { name, isTypo } = nearestName(key, KEYS);
  return `is not known. ${isTypo ? `Did you mean ${name}? ` : ""}Known are ${KEYS.join(", ")}`;
}

type KeyFault = readonly [key: string, message: string];

/** Rules between the keys of a row. */
function crossFaults(row: UpstreamRow): KeyFault[] {
  const faults: KeyFault[] = [];
  const { token, requiredRoles, requiredScopes } = row;
  for (const [key, list] of Object.entries({ requiredRoles, requiredScopes }))
    if (list.length > 0 && (token === "none" || token === "optional"))
      faults.push([key, "needs a session. Set token to user or client, or remove it"]);
  if (token === "none")
    for (const key of ["audience", "resource", "scope"] as const)
      if (row[key] !== undefined)
        faults.push([key, "says which token to get, but token is none. Remove one of the two"]);
  for (const name of row.requestHeaders ?? []) {
    if (isReserved(name)) faults.push(["requestHeaders", `may not list ${name}: it is the gateway's. Remove it`]);
    if (Object.keys(row.headers).some((added) => added.toLowerCase() === name))
      faults.push(["requestHeaders", `lists ${name}, which headers sets. Remove one of the two`]);
  }
  return [...faults, ...addressFaults(row.baseUrl), ...transportFaults(row)];
}

function addressFaults(baseUrls: readonly string[]): KeyFault[] {
  const faults: KeyFault[] = [];
  const first = baseUrls[0] === undefined ? undefined : new URL(baseUrls[0]);
  const seen = new Set<string>();
  for (const baseUrl of baseUrls) {
    const { origin, pathname, protocol } = new URL(baseUrl);
    if (seen.has(origin)) faults.push(["baseUrl", `has ${origin} twice. Keep it once`]);
    seen.add(origin);
    if (first !== undefined && (protocol !== first.protocol || pathname !== first.pathname))
      faults.push(["baseUrl", "lists addresses with different schemes or paths. Only host and port may differ"]);
  }
  return faults;
}

function transportFaults(row: UpstreamRow): KeyFault[] {
  const isPlain = row.baseUrl.some((baseUrl) => baseUrl.startsWith("http:"));
  if (!isPlain) return [];
  return (["caFile", "certFile", "keyFile", "serverName"] as const)
    .filter((key) => row[key] !== undefined)
    .map((key) => [key, "is for https, but baseUrl begins with http. Correct baseUrl, or remove it"]);
}
