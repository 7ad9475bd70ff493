// Which requests Vite's server forwards to the gateway, and which it redirects to the public origin.
import type { IncomingHttpHeaders } from "node:http";

/** `/api`, `/api?x` and `/api/x` are below `/api`, `/apis` is not. As bff/src/lib/paths.ts. */
export function isBelow(target: string, prefix: string): boolean {
  if (!target.startsWith(prefix)) return false;
  const next = target.charAt(prefix.length);
  return next === "" || next === "/" || next === "?";
}

export function isGatewayPath(target: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => isBelow(target, prefix));
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * Cookies belong to a host name: a page of 127.0.0.1 has no session of localhost.
 * @returns the URL at the public origin, for a navigation that names the same server by another loopback name
 */
export function canonicalUrl(target: string, headers: IncomingHttpHeaders, publicOrigin: string): string | undefined {
  if (headers["sec-fetch-mode"] !== "navigate" || !target.startsWith("/") || target.startsWith("//")) return undefined;
  const { host, hostname, port } = new URL(publicOrigin);
  const requested = headers.host ?? host;
  if (requested === host || !URL.canParse(`http://${requested}`)) return undefined;
  const other = new URL(`http://${requested}`);
  const isSameServer = LOOPBACK.test(hostname) && LOOPBACK.test(other.hostname) && other.port === port;
  return isSameServer ? `${publicOrigin}${target}` : undefined;
}
