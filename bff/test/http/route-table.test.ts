// Which row, route or page a path belongs to, for rows with any prefix.
import { describe, expect, test } from "vitest";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import { createRouteTable } from "../../src/http/route-table.ts";

const table = (list: string) => createRouteTable(parseUpstreams(list, undefined).upstreams);
const found = (list: string, target: string) => {
  const { kind, row } = table(list).find(target);
  return row?.prefix ?? (kind === "upstream" ? "no row" : kind);
};

const APIS = "/api=http://a.test,/api/b=http://b.test/base/,/api/b/c=http://c.test";
const MIXED = "/graphql=http://g.test,/v1.0/things=http://v.test,/.well-known/webfinger=http://w.test";
const SERVER_RENDERED = "/=http://pages.test,/api=http://a.test,/hooks=http://h.test";

describe("the row of a path", () => {
  test.each([
    [APIS, "/api/x", "/api"],
    [APIS, "/api/b", "/api/b"],
    [APIS, "/api/b?q", "/api/b"],
    [APIS, "/api/bc", "/api"],
    [APIS, "/api/b/c/d", "/api/b/c"],
    [APIS, "/", "pages"],
    [APIS, "/apix", "pages"],
    [APIS, "/API/x", "pages"],
    // An upstream that ignores case would apply the rules of another row.
    [APIS, "/api/B/x", "no row"],
    [APIS, "/api/b/C", "no row"],
    [MIXED, "/graphql", "/graphql"],
    [MIXED, "/graphql/x", "/graphql"],
    [MIXED, "/graphqlx", "pages"],
    [MIXED, "/Graphql", "pages"],
    [MIXED, "/v1.0/things/7", "/v1.0/things"],
    [MIXED, "/v1.0", "pages"],
    [MIXED, "/.well-known/webfinger?resource=x", "/.well-known/webfinger"],
    [MIXED, "/.well-known/other", "pages"],
    [MIXED, "/api/x", "no row"],
    [MIXED, "/bff/user", "bff"],
    [SERVER_RENDERED, "/", "/"],
    [SERVER_RENDERED, "/?x", "/"],
    [SERVER_RENDERED, "/orders/7", "/"],
    [SERVER_RENDERED, "/api/x", "/api"],
    [SERVER_RENDERED, "/apix", "/"],
    [SERVER_RENDERED, "/hooks/x", "/hooks"],
    [SERVER_RENDERED, "/HOOKS/x", "no row"],
    [SERVER_RENDERED, "/bff/user", "bff"],
    [SERVER_RENDERED, "/BFF/user", "/"],
  ])("with the rows %s the path %s belongs to %s", (rows, target, expected) => {
    expect(found(rows, target)).toBe(expected);
  });
});

describe("strict request targets", () => {
  test.each([
    [APIS, "/API/x", true],
    [APIS, "/api%2fx", true],
    [APIS, "/api;x", true],
    [APIS, "/apix", false],
    [APIS, "/app//page", false],
    [MIXED, "/GraphQL/x", true],
    [MIXED, "/v1.0%2fthings", true],
    [MIXED, "/v1.0x", false],
    [SERVER_RENDERED, "/anything//x", true],
  ])("with the rows %s the strict rules apply to %s: %s", (rows, target, isStrict) => {
    expect(table(rows).isStrict(target)).toBe(isStrict);
  });
});
