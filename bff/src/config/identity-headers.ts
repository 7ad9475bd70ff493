// Validates `identityHeaders` of upstream rows: names, claims, and conflicts between rows.
import { z } from "zod";
import { comparableName } from "../headers/header-names.ts";
import type { IdentityHeader } from "../headers/identity-headers.ts";
import { isReserved, STANDARD } from "../headers/request-header-rules.ts";
import { parseClaimPaths, type ClaimPath } from "../lib/claim-path.ts";
import { reservedReason } from "./upstream-headers.ts";

const SHAPE =
  'must be a claim such as "email", or { "claim": "groups" } with format (text, list, json), separator, encoding (utf-8, percent) or maxBytes';
/** Field limits of Apache, gunicorn and nginx are 8,190 to 8,192 bytes with the name. */
const DEFAULT_MAX_BYTES = 8_000;
const MAX_BYTES = 65_536;
const MAX_BYTES_RULE = `must be a whole number from 1 to ${MAX_BYTES}, without quotes`;

/** A path as text, or its names. */
export const claimName = z.union([z.string(), z.array(z.string())], { error: "must be a claim such as email" });
const rules = z.strictObject({
  claim: claimName,
  format: z.enum(["text", "list", "json"], { error: "must be text, list or json" }).optional(),
  separator: z
    .string()
    .regex(/^[ !#$&*+,./:;<=>?@^_|~-]{1,3}$/, "must be one to three punctuation characters or blanks, such as ,")
    .optional(),
  encoding: z.enum(["utf-8", "percent"], { error: "must be utf-8 or percent" }).optional(),
  maxBytes: z
    .int({ error: MAX_BYTES_RULE })
    .min(1, { error: MAX_BYTES_RULE })
    .max(MAX_BYTES, { error: MAX_BYTES_RULE })
    .optional(),
});

export const IDENTITY_HEADERS = z.record(z.string(), z.union([claimName, rules], { error: SHAPE }), {
  error: "must map header names to claims",
});

type Entry = z.output<typeof IDENTITY_HEADERS>[string];
type Fault = (key: string, message: string) => void;

/** Claims that describe a token and not its user: some are absent after a refresh, and the sources may hold a token (I1). */
const TOKEN_CLAIMS: ReadonlySet<string> = new Set([
  ...["exp", "iat", "nbf", "jti", "nonce", "typ", "at_hash", "c_hash", "s_hash", "session_state", "events", "cnf"],
  ...["_claim_names", "_claim_sources", "__proto__"],
]);
/** Of the ID token only, or set by the gateway: a missing one does not trigger a userinfo request. */
const NOT_AT_USERINFO: ReadonlySet<string> = new Set([
  ...["iss", "sub", "sid", "azp", "aud", "acr", "amr", "auth_time"],
  "roles",
]);

export function readIdentityHeaders(
  entries: z.output<typeof IDENTITY_HEADERS>,
  fault: Fault,
): readonly IdentityHeader[] {
  const headers: IdentityHeader[] = [];
  const names = new Map<string, string>();
  for (const [name, entry] of Object.entries(entries)) {
    const key = `identityHeaders.${name}`;
    const problem = nameProblem(name) ?? repeatedProblem(name, names);
    names.set(comparableName(name), name);
    const parsed = headerOf(name, entry);
    if (problem !== undefined) fault(key, problem);
    else if ("fault" in parsed) fault(key, parsed.fault);
    else headers.push(parsed);
  }
  return headers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function nameProblem(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(lower))
    return "is not a name that all upstreams read alike. Use letters, digits and single hyphens";
  if (lower.startsWith("x-forwarded"))
    return "may not be set here: upstreams take X-Forwarded-* from the gateway for address, host and scheme. Use another name, such as X-Auth-Request-User";
  const reason = reservedReason(lower);
  if (reason !== undefined) return `may not be set here: ${reason}. Remove it`;
  if (isReserved(lower) || STANDARD.has(lower) || OTHER_MEANING.has(lower))
    return "may not be set here: it has a meaning of its own in HTTP. Use another name";
  return undefined;
}

/** Read by upstreams for other purposes, and in no other list. */
const OTHER_MEANING: ReadonlySet<string> = new Set(["origin", "referer", "from", "via", "date", "vary", "allow"]);

function repeatedProblem(name: string, names: ReadonlyMap<string, string>): string | undefined {
  const other = names.get(comparableName(name));
  return other === undefined ? undefined : `is the same header as ${other} for some upstreams. Keep one`;
}

function headerOf(name: string, entry: Entry): IdentityHeader | { fault: string } {
  const given = typeof entry === "string" || Array.isArray(entry) ? { claim: entry } : entry;
  const path = pathOf(given.claim, "Use one header for each claim");
  if ("fault" in path) return path;
  const { separator, encoding, maxBytes = DEFAULT_MAX_BYTES } = given;
  const { format = separator === undefined ? "text" : "list" } = given;
  if (format === "json" && (separator !== undefined || encoding !== undefined))
    return { fault: "has format json, which needs neither separator nor encoding. Remove them" };
  return {
    name: name.toLowerCase(),
    path,
    format,
    separator: separator ?? ",",
    encoding: encoding ?? "utf-8",
    maxBytes,
  };
}

/** @param cure what to do instead of naming several claims */
export function pathOf(text: string | readonly string[], cure: string): ClaimPath | { fault: string } {
  const parsed = parseClaimPaths(typeof text === "string" ? text : JSON.stringify(text));
  if ("fault" in parsed) return { fault: `names no claim: the path ${parsed.fault}` };
  const [path, ...others] = parsed.paths;
  if (path === undefined || others.length > 0) return { fault: `must name one claim. ${cure}` };
  return TOKEN_CLAIMS.has(outermost(path))
    ? { fault: `names ${outermost(path)}, which describes the token and not the user` }
    : path;
}

function outermost({ names }: ClaimPath): string {
  return names[0] ?? "";
}

type Row = { identityHeaders: readonly IdentityHeader[] };

/** @returns the claims that are requested from userinfo if the ID token lacks them */
export function identityPaths(
  rows: readonly (Row & { requiredClaims: readonly { path: ClaimPath }[] })[],
): readonly ClaimPath[] {
  return rows
    .flatMap(({ identityHeaders, requiredClaims }) => [...identityHeaders, ...requiredClaims].map(({ path }) => path))
    .filter((path) => !NOT_AT_USERINFO.has(outermost(path)));
}

/** Finds names in `requestHeaders` and `headers` that are identity headers as well. @returns a message for each key */
export function identityCollisions(
  row: Row & { prefix: string; headers: ReadonlyMap<string, string>; requestHeaders?: ReadonlySet<string> | undefined },
  rows: readonly (Row & { prefix: string })[],
): (readonly [key: string, message: string])[] {
  const own = namesOf([row]);
  const all = namesOf(rows);
  return [
    ...[...row.headers.keys()].flatMap((name) => {
      const other = own.get(comparableName(name));
      return other === undefined
        ? []
        : [["headers", `sets ${name}, which is ${other} of identityHeaders. Remove one of the two`] as const];
    }),
    ...[...(row.requestHeaders ?? [])].flatMap((name) => {
      const other = all.get(comparableName(name));
      return other === undefined
        ? []
        : [
            [
              "requestHeaders",
              `lists ${name}, but ${other} is an identity header: the browser's is never forwarded. Remove it`,
            ] as const,
          ];
    }),
  ];
}

function namesOf(rows: readonly Row[]): ReadonlyMap<string, string> {
  return new Map(
    rows.flatMap(({ identityHeaders }) => identityHeaders.map(({ name }) => [comparableName(name), name])),
  );
}
