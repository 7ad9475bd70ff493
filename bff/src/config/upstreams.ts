// Parses UPSTREAMS or UPSTREAMS_FILE into validated upstream rows, or into all of their errors.
import type { z } from "zod";
import type { IdentityHeader } from "../headers/identity-headers.ts";
import { identityCollisions, readIdentityHeaders } from "./identity-headers.ts";
import { nearestName } from "./nearest-name.ts";
import { readClaimRules, type ClaimRule } from "./permission-rules.ts";
import { readTextFile } from "./setting-text.ts";
import { readHeaders } from "./upstream-headers.ts";
import { filesOf } from "./row-files.ts";
import { resolveAccess, rowErrors, type ResolvedRow, type RowAccess } from "./row-rules.ts";
import { UPSTREAM_ROW, type UpstreamRow } from "./upstream-row.ts";
import { readTls, type UpstreamTls } from "./upstream-tls.ts";

/** Token request parameters; empty: the provider's defaults. */
export type TokenTarget = Readonly<{ audience?: string; resource?: string; scope?: string }>;

type ResolvedKey =
  | keyof RowAccess
  | "baseUrl"
  | "audience"
  | "resource"
  | "scope"
  | "headers"
  | "identityHeaders"
  | "requiredClaims"
  | "caFile"
  | "certFile"
  | "keyFile"
  | "serverName";

export type UpstreamConfig = Readonly<
  Omit<UpstreamRow, ResolvedKey> &
    RowAccess & {
      /** Base URLs without a final slash. Several have the same scheme and path. */
      baseUrls: readonly string[];
      tokenTarget: TokenTarget;
      /** Sent with every request, by lower-case name. */
      headers: ReadonlyMap<string, string>;
      identityHeaders: readonly IdentityHeader[];
      requiredClaims: readonly ClaimRule[];
      tls: UpstreamTls | undefined;
    }
>;

export const BOTH_UPSTREAMS = "UPSTREAMS and UPSTREAMS_FILE are both set. Keep one.";

const JSON_IN_LIST =
  "UPSTREAMS must be a list such as /api=http://orders:8000, and holds JSON. Write the JSON to a file and set UPSTREAMS_FILE.";

type Parsed = {
  upstreams: UpstreamConfig[];
  faults: string[];
  /** UPSTREAMS_FILE and the files that its rows name. */
  files: string[];
};

/** @returns the rows, longest prefix first, and one sentence per error */
export function parseUpstreams(list: string | undefined, file: string | undefined): Parsed {
  if (list !== undefined && file !== undefined) return { upstreams: [], faults: [BOTH_UPSTREAMS], files: [] };
  if (file !== undefined) return parseFile(file);
  if (/^\s*[[{]/.test(list ?? "")) return { upstreams: [], faults: [JSON_IN_LIST], files: [] };
  const rows = (list ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parseUpstreamRows(
    rows.map((part) => {
      const at = part.indexOf("=");
      // WebSockets are on: the short form has no roles or methods that an open WebSocket could bypass.
      return { prefix: part.slice(0, Math.max(at, 0)), baseUrl: part.slice(at + 1), webSocket: true };
    }),
    "UPSTREAMS",
  );
}

function parseFile(file: string): Parsed {
  const fault = (message: string): Parsed => ({
    ...{ upstreams: [], faults: [`UPSTREAMS_FILE ${message}.`] },
    files: [file],
  });
  const content = readTextFile(file);
  if ("fault" in content) return fault(content.fault);
  let rows: unknown;
  try {
    rows = JSON.parse(content.text);
  } catch {
    // The parser's message quotes the file, which may contain secrets.
    return fault("must hold JSON. Look for a missing quote, or a comma too many");
  }
  if (!Array.isArray(rows)) return fault("must hold a JSON list of upstreams");
  return { ...parseUpstreamRows(rows, "UPSTREAMS_FILE"), files: [file, ...filesOf(rows)] };
}

/** @param setting names the source of the rows in errors */
export function parseUpstreamRows(candidates: readonly unknown[], setting: string): Parsed {
  const { upstreams, faults } = readUpstreamRows(candidates);
  const sentences = faults.map(({ row, prefix, key, message }) => {
    const name = prefix === undefined ? "" : ` (${prefix})`;
    return `${setting} row ${row + 1}${name}: ${key} ${message}.`;
  });
  return { upstreams, faults: sentences, files: [] };
}

export type RowFault = Readonly<{
  /** Index of the row. */
  row: number;
  prefix: string | undefined;
  /** Member of the row, in words. */
  key: string;
  /** Path of the member; empty for the row itself. */
  members: readonly PropertyKey[];
  message: string;
}>;

/** @returns the rows, longest prefix first, and all faults */
export function readUpstreamRows(candidates: readonly unknown[]): {
  upstreams: UpstreamConfig[];
  faults: RowFault[];
} {
  const upstreams: UpstreamConfig[] = [];
  const faults: RowFault[] = [];
  const rowsOf = new Map<string, number>();
  /** Of each row against all rows. */
  const checks: (() => void)[] = [];
  candidates.forEach((candidate, row) => {
    const prefix = prefixOf(candidate);
    const fault = (key: string, message: string, members: readonly PropertyKey[] = membersOf(key)): void => {
      faults.push({ row, prefix, key, members, message });
    };
    const other = prefix === undefined ? undefined : rowsOf.get(prefix);
    if (other !== undefined) fault("prefix", `is also that of row ${other}. Keep one row for it`);
    else if (prefix !== undefined) rowsOf.set(prefix, row + 1);
    const parsed = UPSTREAM_ROW.safeParse(candidate);
    if (!parsed.success) {
      for (const issue of withoutConsequences(parsed.error.issues)) {
        if (issue.code === "unrecognized_keys")
          for (const key of issue.keys) {
            const inner = [...issue.path, key];
            fault(inner.map(String).join("."), inner.length === 1 ? unknownKey(key) : UNKNOWN_MEMBER, inner);
          }
        else fault(keyOf(issue, candidate), issue.message, issue.path);
      }
      return;
    }
    const resolved = { ...parsed.data, ...resolveAccess(parsed.data) };
    for (const [key, message] of rowErrors(parsed.data)) fault(key, message);
    const config = configOf(resolved, fault);
    upstreams.push(config);
    checks.push(() => identityCollisions(config, upstreams).forEach(([key, message]) => fault(key, message)));
  });
  for (const check of checks) check();
  return { upstreams: upstreams.toSorted((a, b) => b.prefix.length - a.prefix.length), faults };
}

/** A value of the wrong type also breaks rules about its length: `""` in place of a list. */
function withoutConsequences(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const mistyped = new Set<string>();
  return issues.filter(({ code, path }) => {
    const place = JSON.stringify(path);
    if (mistyped.has(place)) return false;
    if (code === "invalid_type") mistyped.add(place);
    return true;
  });
}

const UNKNOWN_MEMBER = "is not known. Correct its name, or remove it";

/** Of a key such as `methods` or `headers.x-api-key`. */
function membersOf(key: string): string[] {
  const dot = key.indexOf(".");
  return dot === -1 ? [key] : [key.slice(0, dot), key.slice(dot + 1)];
}

function configOf(
  row: ResolvedRow,
  fault: (key: string, message: string, members?: readonly PropertyKey[]) => void,
): UpstreamConfig {
  const { baseUrl, audience, resource, scope, headers, identityHeaders, requiredClaims, ...others } = row;
  const { caFile, certFile, keyFile, serverName, ...rest } = others;
  const target = { audience, resource, scope };
  return {
    ...rest,
    baseUrls: baseUrl,
    tokenTarget: Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined)),
    headers: readHeaders(headers, fault),
    identityHeaders: readIdentityHeaders(identityHeaders, fault),
    requiredClaims: readClaimRules(requiredClaims, fault),
    tls: readTls({ caFile, certFile, keyFile, serverName }, fault),
  };
}

/** @returns the prefix for messages; undefined unless it is a short plain path, because messages are logged */
function prefixOf(candidate: unknown): string | undefined {
  const prefix = typeof candidate === "object" && candidate !== null && "prefix" in candidate ? candidate.prefix : "";
  return typeof prefix === "string" && /^[\w/.-]{1,100}$/.test(prefix) ? prefix : undefined;
}

function keyOf(issue: z.core.$ZodIssue, candidate: unknown): string {
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
