// Which targets of a host's server are the gateway's.
import { expect, it } from "vitest";
import { readUpstreamRows } from "../../src/config/upstreams.ts";
import { createRouteTable } from "../../src/http/route-table.ts";
import { createOwnership } from "../../src/library/ownership.ts";

const row = (prefix: string) => ({ prefix, baseUrl: "http://upstream" });
const { upstreams } = readUpstreamRows([row("/api/v1"), row("/shop"), row("/shop/admin")]);
const routes = createRouteTable(upstreams, { isReserved: false });
const isOwn = createOwnership((host) => (host === "app.test" ? { routes } : undefined));
const ask = (url: string, host = "app.test") => isOwn({ url, headers: { host } });

it.each([
  ...["/bff", "/bff/", "/bff/user", "/bff/unknown?x", "/api/v1", "/api/v1/x?y", "/shop/x"],
  // Targets that another parser could read as one of them: they get the gateway's 400.
  ...["/bff%2fuser", "/bff;x/user", "/shop%2fx", "/shop/../bff/user", "/shop;x", "/api/%76%31/x", "/api/v1/%2e%2e/x"],
  ...["//app.test/bff/user", "//bff/user", "///shop/x", "/\\bff/user", "\\bff\\user", "/shop\\..\\x"],
  // Fastify decodes the first segment, Hono resolves dot segments too.
  ...["/%62ff/user", "/%73hop", "/%73%68op/x?y", "/%2573hop", "/%2fshop", "/%5cbff/user", "/%2e/bff/user"],
  ...["/x/../bff/user", "/x/%2e%2e/shop/x", "/./shop", "/x/y/../../bff", "/x%2f..%2fshop", "/../shop", "/x/..\\bff"],
  ...["http://app.test/bff/user", "HTTP://evil.test/shop/x", "https:\\\\evil.test\\bff\\user"],
])("the target %s is the gateway's", (target) => {
  expect(ask(target)).toBe(true);
});

it.each([
  ...["/", "/orders", "/bffs", "/bff-x", "/BFF/user", "/shops", "/SHOP", "/x/bff/user", "/x%2fbff", "*"],
  ...["/caf%C3%A9", "/a%20b/../c", "/.well-known/x", "/x/../orders", "/%", "/%zz/shop", "/x?../shop", "/x?a=%2fshop"],
  // A host has routes of its own below /api.
  ...["/api", "/api/orders", "/api/v10", "/api/V1/x", "/shop/Admin/x"],
  ...["//app.test/orders", "http://app.test/orders", "app.test:443", ""],
])("the target %s is the host's", (target) => {
  expect(ask(target)).toBe(false);
});

it.each([
  ["/bff/user", true],
  ["/bff%2fuser", true],
  ["/shop/x", false],
  ["/api/v1/x", false],
])("for a Host of no application the target %s is the gateway's: %s", (target, expected) => {
  expect(ask(target, "other.test")).toBe(expected);
});
