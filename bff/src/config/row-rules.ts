// Rules between the keys of an upstream row: what access, token and CSRF rule follow from each other, and which combinations
// are rejected.
import { comparableName } from "../headers/header-names.ts";
import { isReserved } from "../headers/request-header-rules.ts";
import { acceptsBearer, bearerRowErrors } from "./bearer-row.ts";
import { addressErrors, transportErrors } from "./upstream-addresses.ts";
import type { UpstreamRow } from "./upstream-row.ts";

/** Who may send requests, which token they carry, and how CSRF is prevented. */
export type RowAccess = Readonly<{
  access: "session" | "optional" | "public" | "bearer" | "session-or-bearer";
  token: "user" | "none" | "client";
  csrf: "header" | "fetch-metadata" | "same-origin" | "none";
}>;

/** A fault of a row, as a predicate of one of its keys. */
type KeyError = readonly [key: string, message: string];

export type ResolvedRow = Omit<UpstreamRow, keyof RowAccess> & RowAccess;

/** Applies the defaults, which depend on each other, and the spellings of earlier releases. */
export function resolveAccess({ access, token, csrf }: Pick<UpstreamRow, keyof RowAccess>): RowAccess {
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

/** @returns one message per rule that the row breaks, each with the key that it concerns */
export function rowErrors(row: UpstreamRow): KeyError[] {
  return [...accessErrors(row), ...combinationErrors({ ...row, ...resolveAccess(row) })];
}

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
function combinationErrors(row: ResolvedRow): KeyError[] {
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
