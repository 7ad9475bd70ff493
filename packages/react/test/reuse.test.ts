// Structural sharing of the values that hooks return.
import { expect, it } from "vitest";
import { reuse } from "../src/reuse.ts";

const map = new Map([["a", 1]]);

it.each([
  ["an equal object", { a: 1, b: ["x"] }, { a: 1, b: ["x"] }],
  ["an equal object with another order of members", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["an equal list", [1, { a: null }], [1, { a: null }]],
  ["an equal time", new Date(5), new Date(5)],
  ["the same map", map, map],
  ["the same number", 1, 1],
])("reuse keeps %s", (_what, before, next) => {
  expect(reuse<unknown>(before, next)).toBe(before);
});

it.each([
  ["another value", { a: 1 }, { a: 2 }],
  ["a further member", { a: 1 }, { a: 1, b: 1 }],
  ["a missing member", { a: 1, b: 1 }, { a: 1 }],
  ["a member with another name", { a: 1 }, { b: 1 }],
  ["an undefined member with another name", { a: undefined }, { b: undefined }],
  ["a longer list", [1], [1, 2]],
  ["another time", new Date(5), new Date(6)],
  ["a list instead of an object", { 0: "a" }, ["a"]],
  ["an equal map, whose content is not compared", map, new Map(map)],
  ["null", { a: 1 }, null],
  ["an object instead of null", null, { a: 1 }],
])("reuse returns %s", (_what, before, next) => {
  const result = reuse<unknown>(before, next);
  expect(result).toEqual(next);
  expect(result).not.toBe(before);
});

it("reuse keeps the equal parts of a value that has changed", () => {
  const before = { user: { sub: "a", roles: ["x"] }, session: { handle: "1" } };
  const next = { user: { sub: "a", roles: ["x"] }, session: { handle: "2" } };
  const result = reuse(before, next);
  expect(result).toEqual(next);
  expect(result.user).toBe(before.user);
});

it("reuse takes a member named __proto__ as data", () => {
  const next = JSON.parse('{"__proto__":{"a":1}}') as object;
  expect(Object.getPrototypeOf(reuse<object>({}, next))).toBe(Object.prototype);
});
