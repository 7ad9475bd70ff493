import { expect, test } from "vitest";
import { maxReturnPathLength, returnPathOf } from "../src/session/return-path.ts";

const place = (pathname: string, search = "", hash = "") => ({ pathname, search, hash });

test("a login leads back to path, query and hash", () => {
  expect(returnPathOf(place("/profile", "?x=1&y=a%20b", "#claims"))).toBe("/profile?x=1&y=a%20b#claims");
});

test("what was typed goes into the query and replaces what was there", () => {
  const path = returnPathOf(place("/call", "?message=old&keep=1", "#h"), { message: "a & b #c" });
  const url = new URL(path, "http://localhost");
  expect(Object.fromEntries(url.searchParams)).toEqual({ message: "a & b #c", keep: "1" });
  expect(url.hash).toBe("#h");
});

test("text that the gateway would refuse as too long is left out, the page is not", () => {
  const path = returnPathOf(place("/call", "?keep=1"), { message: "ü".repeat(400) });
  expect(path).toBe("/call?keep=1");
  expect(returnPathOf(place("/call", `?x=${"y".repeat(maxReturnPathLength)}`))).toBe("/call");
});

test("a path that a browser would read as another site leads home", () => {
  expect(returnPathOf(place("//evil.example"))).toBe("/");
  expect(returnPathOf(place("/\\evil.example"))).toBe("/");
});

test("a login on the goodbye page leads home", () => {
  expect(returnPathOf(place("/logged-out"))).toBe("/");
});
