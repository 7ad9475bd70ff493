import { expect, test } from "vitest";
import { locationOf } from "../src/server/logout.ts";
import { clockAheadMs, whoOf } from "../src/server/user.ts";

test("nobody is nobody", () => {
  expect(whoOf({ user: null, session: null })).toEqual({ kind: "nobody" });
});

test("a user without name, roles or times is still a user", () => {
  expect(whoOf({ user: { sub: "u1", name: " ", roles: "admin" }, session: null })).toMatchObject({
    kind: "user",
    user: { sub: "u1", displayName: "u1", roles: [] },
    session: { handle: "", expiresAtMs: null },
  });
});

test("a link to the account leads to a page and runs nothing", () => {
  const linkOf = (accountUrl: unknown) => whoOf({ user: { sub: "u" }, session: { accountUrl } });
  const address = "https://id.example/account/";
  expect(linkOf(address)).toMatchObject({ session: { accountUrl: address } });
  for (const other of [undefined, 5, "javascript:alert(1)", "//evil.example"])
    expect(linkOf(other)).toMatchObject({ session: { accountUrl: null } });
});

test("an answer that cannot be told apart from another user is refused", () => {
  for (const body of [null, [], {}, { user: {} }, { user: { sub: 5 } }]) expect(() => whoOf(body)).toThrow(SyntaxError);
});

test("times are read by this machine's clock when it is clearly wrong", () => {
  const nowMs = Date.parse("2026-01-01T01:00:00Z");
  expect(clockAheadMs("Thu, 01 Jan 2026 00:00:00 GMT", nowMs)).toBe(3_600_000);
  expect(clockAheadMs("Thu, 01 Jan 2026 00:59:57 GMT", nowMs)).toBe(0);
  expect(clockAheadMs(null, nowMs)).toBe(0);
  const who = whoOf({ user: { sub: "u" }, session: { expiresAt: "2026-01-01T00:30:00Z" } }, 3_600_000);
  expect(who).toMatchObject({ session: { expiresAtMs: nowMs + 1_800_000 } });
});

test("a logout leads to a web address only", () => {
  const origin = "http://localhost:3000";
  expect(locationOf({ location: "/logged-out" }, origin).href).toBe(`${origin}/logged-out`);
  expect(() => locationOf({ location: "javascript:alert(1)" }, origin)).toThrow(SyntaxError);
  expect(() => locationOf({}, origin)).toThrow(SyntaxError);
});
