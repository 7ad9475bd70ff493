import type { IncomingMessage } from "node:http";
import { BlockList } from "node:net";
import { expect, test } from "vitest";
import { clientAddress } from "../../src/http/client-address.ts";

const trusted = new BlockList();
trusted.addSubnet("10.0.0.0", 8, "ipv4");
trusted.addSubnet("fd00::", 8, "ipv6");

test.each([
  ["no proxy", "203.0.113.9", undefined, "203.0.113.9"],
  ["an untrusted peer with X-Forwarded-For", "203.0.113.9", "1.2.3.4", "203.0.113.9"],
  ["one trusted proxy", "10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["a forged chain behind a trusted proxy", "10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"],
  ["two trusted proxies", "10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
  ["only trusted proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["IPv4 in IPv6", "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["an IPv6 proxy", "fd00::1", "2001:db8::1", "2001:db8::1"],
  ["an invalid value", "10.0.0.1", "evil\u001b[31m", "10.0.0.1"],
  ["an empty value", "10.0.0.1", "", "10.0.0.1"],
  ["100 kB of commas", "10.0.0.1", ",".repeat(100_000), "10.0.0.1"],
])("client address: %s", (_name, remoteAddress, forwarded, expected) => {
  const request = {
    socket: { remoteAddress },
    headers: { "x-forwarded-for": forwarded },
  } as unknown as IncomingMessage;
  expect(clientAddress(request, trusted)).toBe(expected);
});
