// Whose address goes into the log and upstream: the socket's, unless a proxy that we were told to trust speaks.
import type { IncomingMessage } from "node:http";
import { isIP, type BlockList } from "node:net";

/** IPv4 seen through a dual-stack socket is written as IPv4, so that one browser has one address. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

function isTrusted(address: string, trustedProxies: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && trustedProxies.check(address, family === 6 ? "ipv6" : "ipv4");
}

/**
 * @returns the last hop that is not a trusted proxy. Read from the right: everything left of the first stranger is
 * that stranger's invention (ASVS 15.3.4).
 */
export function clientAddress(request: IncomingMessage, trustedProxies: BlockList): string {
  let address = plainAddress(request.socket.remoteAddress);
  const forwarded = request.headers["x-forwarded-for"];
  if (typeof forwarded !== "string" || trustedProxies.rules.length === 0) return address;
  let end = forwarded.length;
  while (end > 0 && isTrusted(address, trustedProxies)) {
    const comma = forwarded.lastIndexOf(",", end - 1);
    const hop = plainAddress(forwarded.slice(comma + 1, end).trim());
    if (isIP(hop) === 0) break;
    address = hop;
    end = comma;
  }
  return address;
}
