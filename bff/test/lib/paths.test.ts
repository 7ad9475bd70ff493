// Raw prefixes, and GATEWAY_PATH_PATTERN (development server), which must agree with the route table.
import { expect, test } from "vitest";
import { GATEWAY_PATH_PATTERN, isBelow } from "../../src/lib/paths.ts";
import { createRouteTable } from "../../src/http/route-table.ts";

const routes = createRouteTable([]);

test.each([
  ["/api", "upstream"],
  ["/api/", "upstream"],
  ["/api?x", "upstream"],
  ["/api/x?y", "upstream"],
  ["/bff", "bff"],
  ["/bff?x", "bff"],
  ["/bff/user", "bff"],
  ["/", "pages"],
  ["/api-keys", "pages"],
  ["/apis", "pages"],
  ["/bffoo", "pages"],
  ["/bff-settings?x=/bff/", "pages"],
  ["/API", "pages"],
  ["/BFF/user", "pages"],
  ["/api%2fx", "pages"],
  ["/src/api/x.ts", "pages"],
  ["/x?/api/", "pages"],
])("without rows the path %s is of the kind %s, by route table and by pattern", (target, kind) => {
  expect(routes.find(target).kind).toBe(kind);
  expect(new RegExp(GATEWAY_PATH_PATTERN).test(target)).toBe(kind !== "pages");
});

test("all paths are below /", () => {
  expect(["/", "/x", "/x/y?z"].every((path) => isBelow(path, "/"))).toBe(true);
  expect(isBelow("*", "/")).toBe(false);
});
