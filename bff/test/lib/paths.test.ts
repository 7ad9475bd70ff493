// routeClass and GATEWAY_PATH_PATTERN (development server) must agree.
import { expect, test } from "vitest";
import { GATEWAY_PATH_PATTERN, routeClass } from "../../src/lib/paths.ts";

test.each([
  ["/api", "api"],
  ["/api/", "api"],
  ["/api?x", "api"],
  ["/api/x?y", "api"],
  ["/bff", "bff"],
  ["/bff?x", "bff"],
  ["/bff/user", "bff"],
  ["/", "spa"],
  ["/api-keys", "spa"],
  ["/apis", "spa"],
  ["/bffoo", "spa"],
  ["/bff-settings?x=/bff/", "spa"],
  ["/API", "spa"],
  ["/BFF/user", "spa"],
  ["/api%2fx", "spa"],
  ["/src/api/x.ts", "spa"],
  ["/x?/api/", "spa"],
])("the path %s has the route class %s, by function and by pattern", (target, route) => {
  expect(routeClass(target)).toBe(route);
  expect(new RegExp(GATEWAY_PATH_PATTERN).test(target)).toBe(route !== "spa");
});
