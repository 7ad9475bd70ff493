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
    const text = JSON.stringify(requirements);
    const found = known.get(text) ?? readRows(JSON.parse(text) as Record<string, unknown>);
    known.set(text, found);
    return found;
  };
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
