// Client address for log and upstreams: the socket's address, or X-Forwarded-For if the peer is a trusted proxy.
import type { IncomingMessage } from "node:http";
import { isIP, SocketAddress, type BlockList } from "node:net";

/** `203.0.113.7:51234` (Azure Application Gateway, IIS), `[2001:db8::1]` and `[2001:db8::1]:443`. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/;
const MAPPED_PREFIX = "::ffff:";

/**
 * @returns the address in canonical form (RFC 5952, IPv4-mapped as IPv4) without port, brackets and zone, so that each
 * client has one spelling; undefined for anything else, such as `unknown`, `_hidden` (RFC 7239 §6) or a name
 */
function parseAddress(text: string): string | undefined {
  const [, bracketed, plain] = WITH_PORT.exec(text) ?? [];
  // A zone id is only valid on the host that wrote it.
  const [host = ""] = (bracketed ?? plain ?? text).split("%", 1);
  const family = isIP(host);
  if (family === 0 || (bracketed !== undefined && family !== 6)) return undefined;
  if (family === 4) return host;
  return withoutMapping(new SocketAddress({ address: host, family: "ipv6" }).address);
}

/** @param address in canonical form. @returns an IPv4-mapped IPv6 address as IPv4 */
function withoutMapping(address: string): string {
  const mapped = address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : "";
  return isIP(mapped) === 4 ? mapped : address;
}

/** The socket's address, in canonical form; empty for a Unix socket. */
export function peerAddress({ socket }: IncomingMessage): string {
  return withoutMapping(socket.remoteAddress?.split("%", 1)[0] ?? "");
}

export function isTrusted(address: string, trustedProxies: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && trustedProxies.check(address, family === 6 ? "ipv6" : "ipv4");
}

/**
 * @returns the rightmost hop that is not a trusted proxy. Hops to its left can be forged by that client (ASVS 15.3.4). An
 * entry without an address (`unknown`) ends the search at the proxy that added it.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: BlockList): string {
  let address = peerAddress(request);
  // Node joins repeated headers into one list, in order.
  const forwarded = request.headers["x-forwarded-for"];
  if (typeof forwarded !== "string" || trustedProxies.rules.length === 0) return address;
  if (!isTrusted(address, trustedProxies)) return address;
  let end = forwarded.length;
  while (end > 0) {
    const comma = forwarded.lastIndexOf(",", end - 1);
    const entry = forwarded.slice(comma + 1, end).trim();
    end = comma;
    // RFC 9110 §5.6.1.2: empty list elements are ignored.
    if (entry === "") continue;
    const hop = parseAddress(entry);
    if (hop === undefined) break;
    address = hop;
    if (!isTrusted(hop, trustedProxies)) break;
  }
  return address;
}
