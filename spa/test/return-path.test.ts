import { expect, test } from "vitest";
import { maxReturnPathLength, buildReturnPath } from "../src/session/return-path.ts";

const locationOf = (pathname: string, search = "", hash = "") => ({ pathname, search, hash });

test("a return path keeps path, query and hash", () => {
  expect(buildReturnPath(locationOf("/profile", "?x=1&y=a%20b", "#claims"))).toBe("/profile?x=1&y=a%20b#claims");
});

test("draft fields are added to the query and replace parameters of the same name", () => {
  const path = buildReturnPath(locationOf("/call", "?message=old&keep=1", "#h"), { message: "a & b #c" });
  const url = new URL(path, "http://localhost");
  expect(Object.fromEntries(url.searchParams)).toEqual({ message: "a & b #c", keep: "1" });
  expect(url.hash).toBe("#h");
});

test("draft fields, then the query, are left out of a return path that is too long for the gateway", () => {
  const path = buildReturnPath(locationOf("/call", "?keep=1"), { message: "ü".repeat(400) });
  expect(path).toBe("/call?keep=1");
  expect(buildReturnPath(locationOf("/call", `?x=${"y".repeat(maxReturnPathLength)}`))).toBe("/call");
});

test("a path that browsers resolve to another origin is replaced by the start page", () => {
  expect(buildReturnPath(locationOf("//evil.example"))).toBe("/");
  expect(buildReturnPath(locationOf("/\\evil.example"))).toBe("/");
});

test("a login on the logged-out page returns to the start page", () => {
  expect(buildReturnPath(locationOf("/logged-out"))).toBe("/");
});
