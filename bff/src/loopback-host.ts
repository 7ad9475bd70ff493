// Whether a host name means this very machine: localhost and what is below it (RFC 6761 §6.3), 127.0.0.0/8 and ::1.

const LOOPBACK_HOST = /^((.+\.)?localhost\.?|127(\.\d{1,3}){3}|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\])$/;

/** @param hostname as the URL parser writes it: lower case, IPv4 with four decimal parts, IPv6 in brackets */
export function isLoopbackHost(hostname: string): boolean {
  return LOOPBACK_HOST.test(hostname);
}
