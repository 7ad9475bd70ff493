// Which requests of a host's server are the gateway's: its own routes, upstream rows, and every target that a parser could
// read as one of them.
import type { IncomingMessage } from "node:http";
import { inspectTarget } from "../http/request-target.ts";
import { createRouteTable, type RouteTable } from "../http/route-table.ts";

type Application = { routes: RouteTable };

/** Of a host name of no application: the gateway's own routes only, which respond 421. */
const NO_ROWS = createRouteTable([], { isReserved: false });

/** @param applicationOf the application with this Host */
export function createOwnership(applicationOf: (host: string) => Application | undefined) {
  return function isOwn({ url = "", headers }: Pick<IncomingMessage, "url" | "headers">): boolean {
    const { routes } = applicationOf(headers.host ?? "") ?? { routes: NO_ROWS };
    return readings(url).some((target) => {
      if (routes.find(target).kind !== "pages") return true;
      // `/api%2fx`, `/bff;x`: the host's router, or a server behind it, could take it for a path of the gateway.
      const rules = { isStrict: routes.isStrict, allowsEscapedSlashes: () => false };
      return routes.isStrict(target) && inspectTarget(target, rules) !== "ok";
    });
  };
}

/**
 * Routers of hosts accept the absolute form (RFC 9112 §3.2.2), take `//host/path` for it, merge slashes, or read `\` as `/`.
 */
function readings(target: string): string[] {
  const slashed = target.includes("\\") ? target.replaceAll("\\", "/") : target;
  if (/^\/(?!\/)/.test(slashed)) return [slashed];
  const [, path = slashed] = /^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*(.*)$/i.exec(slashed) ?? [];
  return [path, slashed.replace(/^\/+/, "/")];
}
