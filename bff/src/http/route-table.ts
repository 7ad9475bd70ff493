// Route table of one application: which paths are the gateway's own, which belong to an upstream row, and which are pages.
import type { UpstreamConfig } from "../config/config.ts";
import { isBelow } from "../lib/paths.ts";

/**
 * `bff`: a route of the gateway. `upstream`: forwarded by `row`; undefined if the path is reserved for rows and none
 * matches (404). `pages`: a file or page of the app.
 */
export type Route =
  | { readonly kind: "bff" | "pages"; readonly row?: undefined }
  | { readonly kind: "upstream"; readonly row: UpstreamConfig | undefined };

export type RouteTable = {
  /** @param target raw, with or without a query */
  find(target: string): Route;
  /** Whether a browser may be sent to this path: a page of the app, or one that a row with `csrf: same-origin` serves. */
  isPage(path: string): boolean;
  /** Whether any parser between browser and upstream could read the target as a path of the gateway or of a row. */
  isStrict(target: string): boolean;
};

const BFF: Route = { kind: "bff" };
const PAGES: Route = { kind: "pages" };
const UNMATCHED: Route = { kind: "upstream", row: undefined };

/** Below it, a path without a row is a 404 and never a page. */
const RESERVED = "/api";

/** More than a chain of servers decodes. */
const MAX_DECODINGS = 3;

/**
 * The row with the longest prefix that ends at a segment boundary. The search ignores case because some upstreams do
 * (Express, IIS): `/api/Admin` must not bypass the row for `/api/admin` and use the one for `/api`.
 * @param isReserved false: paths below `/api` without a row are those of the server that the gateway is mounted in
 */
export function createRouteTable(
  rows: readonly UpstreamConfig[],
  { isReserved = true }: { isReserved?: boolean } = {},
): RouteTable {
  const byLength = rows.toSorted((a, b) => b.prefix.length - a.prefix.length);
  const routes = byLength.map((row): Route & { row: UpstreamConfig } => ({ kind: "upstream", row }));
  const hasRootRow = rows.some(({ prefix }) => prefix === "/");
  const firstSegments = new Set([
    ...(isReserved ? ["api"] : []),
    "bff",
    ...rows.map(({ prefix }) => firstSegment(prefix)),
  ]);
  const isReservedPath = (target: string): boolean => isReserved && isBelow(target, RESERVED);
  const find = (target: string): Route => {
    if (isBelow(target, "/bff")) return BFF;
    if (routes.length > 0) {
      const lower = target.toLowerCase();
      for (const route of routes) {
        const { prefix } = route.row;
        if (!isBelow(lower, prefix)) continue;
        if (isBelow(target, prefix)) return route;
        // Without a row for `/` the app's own pages may differ from a prefix in case only.
        return hasRootRow || isReservedPath(target) ? UNMATCHED : PAGES;
      }
    }
    return isReservedPath(target) ? UNMATCHED : PAGES;
  };
  return {
    find,
    isPage(path) {
      const { kind, row } = find(path);
      return kind === "pages" || row?.csrf === "same-origin";
    },
    isStrict: hasRootRow
      ? () => true
      : (target) => firstSegments.has(firstSegment(target)) || firstSegments.has(firstSegment(decodedPath(target))),
  };
}

/** In lower case, up to any character that a parser could read as the end: `/api;x` and `/api%2fx`. */
function firstSegment(target: string): string {
  return (/^\/([^/?;%]*)/.exec(target)?.[1] ?? "").toLowerCase();
}

/** The path as routers and upstreams can read it: Fastify reads `/%61pi` as `/api`, Hono `/x/../api` too. */
function decodedPath(target: string): string {
  const [path = ""] = target.split("?", 1);
  if (!/%|\/[./]|\\/.test(path)) return path;
  let decoded = path;
  for (let round = 0; round < MAX_DECODINGS && decoded.includes("%"); round++)
    decoded = decoded.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  const segments: string[] = [];
  for (const segment of decoded.split(/[/\\]/))
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  return `/${segments.join("/")}`;
}
