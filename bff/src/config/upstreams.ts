// Parses UPSTREAMS or UPSTREAMS_FILE into validated upstream rows, or into all of their errors.
import type { z } from "zod";
import { comparableName } from "../headers/header-names.ts";
import type { IdentityHeader } from "../headers/identity-headers.ts";
import { isReserved } from "../headers/request-header-rules.ts";
import { identityCollisions, readIdentityHeaders } from "./identity-headers.ts";
import { nearestName } from "./nearest-name.ts";
import { readClaimRules, type ClaimRule } from "./permission-rules.ts";
import { readTextFile } from "./setting-text.ts";
import { acceptsBearer, bearerRowErrors } from "./bearer-row.ts";
import { addressErrors, transportErrors } from "./upstream-addresses.ts";
import { readHeaders } from "./upstream-headers.ts";
import { filesOf } from "./row-files.ts";
import { UPSTREAM_ROW, type UpstreamRow } from "./upstream-row.ts";
import { readTls, type UpstreamTls } from "./upstream-tls.ts";

/** Token request parameters; empty: the provider's defaults. */
export type TokenTarget = Readonly<{ audience?: string; resource?: string; scope?: string }>;

/** Who may send requests, which token they carry, and how CSRF is prevented. */
export type RowAccess = Readonly<{
  access: "session" | "optional" | "public" | "bearer" | "session-or-bearer";
  token: "user" | "none" | "client";
  csrf: "header" | "fetch-metadata" | "same-origin" | "none";
}>;

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
      for (const issue of parsed.error.issues) {
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
    for (const [key, message] of [...accessErrors(parsed.data), ...crossErrors(resolved)]) fault(key, message);
    const config = configOf(resolved, fault);
    upstreams.push(config);
    checks.push(() => identityCollisions(config, upstreams).forEach(([key, message]) => fault(key, message)));
  });
  for (const check of checks) check();
  return { upstreams: upstreams.toSorted((a, b) => b.prefix.length - a.prefix.length), faults };
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

type KeyError = readonly [key: string, message: string];

type ResolvedRow = Omit<UpstreamRow, keyof RowAccess> & RowAccess;

/** Applies the defaults, which depend on each other, and the spellings of earlier releases. */
function resolveAccess({ access, token, csrf }: Pick<UpstreamRow, keyof RowAccess>): RowAccess {
  if (token === "optional") return { access: access ?? "optional", token: "user", csrf: csrf ?? "header" };
  if (token === "none" && access === undefined) return { access: "public", token, csrf: csrf ?? "header" };
  if (access === "public") return { access, token: token ?? "none", csrf: csrf ?? "none" };
  if (access === "bearer") return { access, token: token ?? "user", csrf: csrf ?? "none" };
  return { access: access ?? "session", token: token ?? "user", csrf: csrf ?? "header" };
}

/** Rows on which no session is read. */
const WITHOUT_SESSION: ReadonlySet<RowAccess["access"]> = new Set(["public", "bearer"]);
/** Rows whose requests always have a user or a client. */
const AUTHENTICATED: ReadonlySet<RowAccess["access"]> = new Set(["session", "bearer", "session-or-bearer"]);

/** Combinations of `access`, `token` and `csrf` that contradict each other. */
function accessErrors({ access, token, csrf }: Pick<UpstreamRow, keyof RowAccess>): KeyError[] {
  const faults: KeyError[] = [];
  if (access === "public" && token !== undefined && token !== "none")
    faults.push(["token", "must be none with access public: anyone could use the token. Remove it, or change access"]);
  if (token === "optional" && access !== undefined && access !== "optional")
    faults.push(["token", `optional means access: optional, but access is ${access}. Set token to user`]);
  if (access === "optional" && token === "client")
    faults.push(["token", "client needs a session. Set access to session, or token to user or none"]);
  if (csrf === "none" && !WITHOUT_SESSION.has(resolveAccess({ access, token, csrf }).access))
    faults.push([
      "csrf",
      "may be none only with access public or bearer: other sites could send requests with the session",
    ]);
  return faults;
}

/** Rules that involve several keys of a row. */
function crossErrors(row: ResolvedRow): KeyError[] {
  const faults: KeyError[] = [];
  const { access, token, requiredRoles, requiredScopes, requiredClaims, requiredAcr } = row;
  const { maxAuthenticationAgeSeconds = [] } = row;
  const permission = { requiredRoles, requiredScopes, requiredClaims, requiredAcr, maxAuthenticationAgeSeconds };
  for (const [key, rule] of Object.entries(permission))
    if ((typeof rule === "number" || rule.length > 0) && !AUTHENTICATED.has(access))
      faults.push([key, "needs a session or an access token. Set access to session or bearer, or remove it"]);
  faults.push(...bearerRowErrors(row));
  if (token === "user" && acceptsBearer(access))
    for (const key of ["audience", "resource", "scope"] as const)
      if (row[key] !== undefined)
        faults.push([
          key,
          `asks for another token, but the row forwards the one of the client. Set token, or remove it`,
        ]);
  if (token === "none")
    for (const key of ["audience", "resource", "scope"] as const)
      if (row[key] !== undefined)
        faults.push([key, "says which token to get, but token is none. Remove one of the two"]);
  if (access === "public" && row.rateLimit?.perUser !== undefined)
    faults.push(["rateLimit.perUser", "needs a user, but access is public. Set perAddress instead"]);
  for (const name of row.requestHeaders ?? []) {
    if (isReserved(name)) faults.push(["requestHeaders", `may not list ${name}: it is the gateway's. Remove it`]);
    if (Object.keys(row.headers).some((added) => comparableName(added) === comparableName(name)))
      faults.push(["requestHeaders", `lists ${name}, which headers sets. Remove one of the two`]);
  }
  return [...faults, ...addressErrors(row.baseUrl), ...transportErrors(row)];
}
