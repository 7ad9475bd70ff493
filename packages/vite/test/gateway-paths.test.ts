// Which requests belong to the gateway, and which are redirected to the public origin.
import { expect, test } from "vitest";
import { canonicalUrl, isGatewayPath } from "../src/gateway-paths.ts";
import { parseLogLine } from "../src/log-line.ts";

test.each([
  ["/bff/user", true],
  ["/bff", true],
  ["/bff?x", true],
  ["/api", true],
  ["/api/orders?x=1", true],
  ["/bffs", false],
  ["/apis/orders", false],
  ["/", false],
  ["/src/api/orders.ts", false],
  ["/@vite/client", false],
  ["/API/orders", false],
  ["//api/orders", false],
])("%s belongs to the gateway: %s", (path, expected) => {
  expect(isGatewayPath(path, ["/bff", "/api"])).toBe(expected);
});

const navigation = (host: string) => ({ host, "sec-fetch-mode": "navigate" });

test.each([
  ["another loopback name", "/a?b", navigation("127.0.0.1:5173"), "http://localhost:5173/a?b"],
  ["the IPv6 address", "/", navigation("[::1]:5173"), "http://localhost:5173/"],
  ["the public host", "/", navigation("localhost:5173"), undefined],
  ["another port", "/", navigation("127.0.0.1:5174"), undefined],
  ["another host", "/", navigation("attacker.example:5173"), undefined],
  ["a host that begins like one", "/", navigation("localhost.attacker.example:5173"), undefined],
  ["a target of another origin", "//attacker.example/", navigation("127.0.0.1:5173"), undefined],
  ["a request of a script", "/", { host: "127.0.0.1:5173", "sec-fetch-mode": "cors" }, undefined],
  ["no host", "/", { "sec-fetch-mode": "navigate" }, undefined],
  ["a malformed host", "/", navigation("a b:x"), undefined],
])("a navigation to %s is redirected as expected", (_case, target, headers, expected) => {
  expect(canonicalUrl(target, headers, "http://localhost:5173")).toBe(expected);
});

test("no loopback name is redirected to a public host name", () => {
  expect(canonicalUrl("/", navigation("127.0.0.1:5173"), "https://dev.example.com:5173")).toBeUndefined();
});

test.each([
  ['{"level":30,"msg":"listening"}', false, undefined],
  ['{"level":30,"msg":"listening","url":"http://a"}', true, { level: "info", text: "listening (url=http://a)" }],
  ['{"level":40,"msg":"slow","time":1,"seconds":2}', false, { level: "warn", text: "slow (seconds=2)" }],
  ['{"level":50,"msg":"logins fail","reason":"x"}', false, { level: "error", text: "logins fail (reason=x)" }],
  ["OIDC_ISSUER is missing.", false, { level: "warn", text: "OIDC_ISSUER is missing." }],
  ["", false, undefined],
])("the log line %s is formatted as expected", (line, showsAll, expected) => {
  expect(parseLogLine(line, showsAll)).toEqual(expected);
});
