// The requirements of a host route as upstream rows, by the schema of the rows.
import { readUpstreamRows } from "../config/upstreams.ts";
import { FifoCache } from "../lib/fifo-cache.ts";
import type { RouteRows } from "./host-routes.ts";
import type { SessionRequirements } from "./types.ts";

/** Routes write their requirements as literals: the same few texts again and again. */
const MAX_KNOWN = 1_000;
/** No request is sent there. */
const NOWHERE = { prefix: "/", baseUrl: "http://127.0.0.1" };
const OF_THE_TOKEN = ["audience", "resource", "scope"] as const;
const KEYS: ReadonlySet<string> = new Set([
  ...["access", "csrf", "requiredRoles", "requiredScopes", "requiredClaims", "requiredAcr"],
  ...["maxAuthenticationAgeSeconds", ...OF_THE_TOKEN],
]);

export function createRequirements() {
  const known = new FifoCache<string, RouteRows>(MAX_KNOWN);
  /** @throws TypeError with one sentence per fault */
  return function rowsOf(requirements: SessionRequirements): RouteRows {
    requirePlain(requirements);
    const text = JSON.stringify(requirements);
    const found = known.get(text) ?? readRows(JSON.parse(text) as Record<string, unknown>);
    known.set(text, found);
    return found;
  };
}

/**
 * JSON leaves out inherited members, functions and symbols, and all of a Map: a rule that is left out protects nothing.
 * @throws TypeError
 */
function requirePlain(requirements: unknown): void {
  const isPlain = (value: unknown): boolean => {
    if (typeof value === "function" || typeof value === "symbol") return false;
    if (typeof value !== "object" || value === null) return true;
    const prototype: unknown = Object.getPrototypeOf(value);
    // Object.prototype, also that of another realm.
    const isJson = Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
    return isJson && Object.values(value).every(isPlain);
  };
  if (
    typeof requirements !== "object" ||
    requirements === null ||
    Array.isArray(requirements) ||
    !isPlain(requirements)
  )
    throw new TypeError('Requirements of session() must be a plain object, such as { requiredRoles: ["clerk"] }.');
}

function readRows(requirements: Record<string, unknown>): RouteRows {
  const unknown = Object.keys(requirements).filter((key) => !KEYS.has(key));
  const rules = Object.fromEntries(
    Object.entries(requirements).filter(([key]) => !(OF_THE_TOKEN as readonly string[]).includes(key)),
  );
  const session = readUpstreamRows([{ ...NOWHERE, ...rules, token: "none", access: rules["access"] ?? "session" }]);
  const token = readUpstreamRows([{ ...NOWHERE, ...requirements, token: "user", access: "session" }]);
  const { access, csrf } = requirements;
  const faults = [
    ...unknown.map((key) => `${key} is not a requirement of a route. Known are ${[...KEYS].join(", ")}.`),
    ...(access === undefined || access === "session" || access === "optional"
      ? []
      : ["access must be session or optional."]),
    ...(csrf === "none" ? ["csrf may not be none: other sites could send requests with the session."] : []),
    ...[...session.faults, ...token.faults].map(({ key, message }) => `${key} ${message}.`),
  ];
  const [sessionRow] = session.upstreams;
  const [tokenRow] = token.upstreams;
  if (faults.length > 0 || sessionRow === undefined || tokenRow === undefined)
    throw new TypeError(`Requirements of session(): ${[...new Set(faults)].join(" ")}`);
  return { session: sessionRow, token: tokenRow };
}
