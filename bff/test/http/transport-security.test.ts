// Strict-Transport-Security applies to all ports and subdomains of a host, so it is not sent for loopback hosts.
import { expect, it } from "vitest";
import { securityHeaderList, documentHeaders, pageHeaders } from "../../src/http/security-headers.ts";
import { pagePolicyConfig } from "../support/page-policy.ts";

const SEND = true;

const ROWS: readonly (readonly [publicOrigin: string, isSent: boolean])[] = [
  ["https://localhost", !SEND],
  ["https://localhost:3000", !SEND],
  ["https://LocalHost:8443", !SEND],
  ["https://localhost.:3000", !SEND],
  ["https://app.localhost", !SEND],
  ["https://a.b.localhost:8443", !SEND],
  ["https://127.0.0.1", !SEND],
  ["https://127.0.0.1:3000", !SEND],
  ["https://127.1.2.3", !SEND],
  ["https://127.255.255.254:8443", !SEND],
  ["https://127.1", !SEND],
  ["https://0x7f.0.0.1", !SEND],
  ["https://2130706433", !SEND],
  ["https://[::1]", !SEND],
  ["https://[::1]:3000", !SEND],
  ["https://[0:0:0:0:0:0:0:1]", !SEND],
  ["https://[::ffff:127.0.0.1]", !SEND],
  // Browsers ignore it over plain http.
  ["http://app.example.com", !SEND],
  ["http://localhost:3000", !SEND],
  ["https://app.example.com", SEND],
  ["https://app.example.com:8443", SEND],
  ["https://localhost.example.com", SEND],
  ["https://notlocalhost", SEND],
  ["https://localhost.localdomain", SEND],
  ["https://127.0.0.1.example.com", SEND],
  ["https://128.0.0.1", SEND],
  ["https://[::2]", SEND],
  ["https://[fd00::1]", SEND],
];

it.each(ROWS)("Strict-Transport-Security for %s is sent: %s", (publicOrigin, isSent) => {
  const config = pagePolicyConfig({}, { publicOrigin });
  const lists = [securityHeaderList(config), documentHeaders(config), pageHeaders(config, "sha256-x")];
  for (const list of lists) expect(list.includes("Strict-Transport-Security")).toBe(isSent);
});
