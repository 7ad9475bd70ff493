import { expect, test } from "vitest";
import { parseLogoutLocation } from "../src/server/logout.ts";
import { clockSkewMs, parseUserResponse } from "../src/server/user.ts";

test("a response without a user is anonymous", () => {
  expect(parseUserResponse({ user: null, session: null })).toEqual({ kind: "anonymous" });
});

test("a user without name, roles and session times is authenticated", () => {
  expect(parseUserResponse({ user: { sub: "u1", name: " ", roles: "admin" }, session: null })).toMatchObject({
    kind: "authenticated",
    user: { sub: "u1", displayName: "u1", roles: [] },
    session: { handle: "", expiresAtMs: null },
  });
});

test("an accountUrl that is not an http(s) URL is dropped", () => {
  const responseWith = (accountUrl: unknown) => parseUserResponse({ user: { sub: "u" }, session: { accountUrl } });
  const accountUrl = "https://id.example/account/";
  expect(responseWith(accountUrl)).toMatchObject({ session: { accountUrl } });
  for (const other of [undefined, 5, "javascript:alert(1)", "//evil.example"])
    expect(responseWith(other)).toMatchObject({ session: { accountUrl: null } });
});

test("a response whose user has no sub is rejected", () => {
  for (const body of [null, [], {}, { user: {} }, { user: { sub: 5 } }])
    expect(() => parseUserResponse(body)).toThrow(SyntaxError);
});

test("times are corrected by a clock skew of ten seconds or more", () => {
  const nowMs = Date.parse("2026-01-01T01:00:00Z");
  expect(clockSkewMs("Thu, 01 Jan 2026 00:00:00 GMT", nowMs)).toBe(3_600_000);
  expect(clockSkewMs("Thu, 01 Jan 2026 00:59:57 GMT", nowMs)).toBe(0);
  expect(clockSkewMs(null, nowMs)).toBe(0);
  const auth = parseUserResponse({ user: { sub: "u" }, session: { expiresAt: "2026-01-01T00:30:00Z" } }, 3_600_000);
  expect(auth).toMatchObject({ session: { expiresAtMs: nowMs + 1_800_000 } });
});

test("a logout location that is not an http(s) URL is rejected", () => {
  const origin = "http://localhost:3000";
  expect(parseLogoutLocation({ location: "/logged-out" }, origin).href).toBe(`${origin}/logged-out`);
  expect(() => parseLogoutLocation({ location: "javascript:alert(1)" }, origin)).toThrow(SyntaxError);
  expect(() => parseLogoutLocation({}, origin)).toThrow(SyntaxError);
});
