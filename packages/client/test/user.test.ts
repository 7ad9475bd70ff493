import { expect, test } from "vitest";
import { parseLogoutLocation } from "../src/logout.ts";
import { clockSkewMs, parseUserResponse } from "../src/user.ts";

test("a response without a user is anonymous", () => {
  expect(parseUserResponse({ user: null, session: null })).toEqual({
    auth: { status: "anonymous", user: null, session: null, silentLogin: null },
    sub: null,
  });
});

test.each([
  ["ready", "ready"],
  ["pending", "pending"],
  ["later", null],
  [undefined, null],
])("the silent login %j is offered as %j", (silentLogin, expected) => {
  expect(parseUserResponse({ user: null, silentLogin }).auth).toMatchObject({ silentLogin: expected });
});

test("a user without name, roles and session times is authenticated", () => {
  expect(parseUserResponse({ user: { sub: "u1" }, session: null })).toMatchObject({
    auth: { status: "authenticated", user: { sub: "u1" }, session: { handle: "", expiresAtMs: null } },
    sub: "u1",
  });
});

test("claims are those that the gateway sent", () => {
  const claims = { sub: "u1", name: "a\u202eb", "https://example.com/plan": { tier: 7 } };
  expect(parseUserResponse({ user: claims, session: {} }).auth.user).toEqual(claims);
});

test("an accountUrl that is not an http(s) URL is dropped", () => {
  const responseWith = (accountUrl: unknown) => parseUserResponse({ user: { sub: "u" }, session: { accountUrl } });
  const accountUrl = "https://id.example/account/";
  expect(responseWith(accountUrl)).toMatchObject({ auth: { session: { accountUrl } } });
  for (const other of [undefined, 5, "javascript:alert(1)", "//evil.example"])
    expect(responseWith(other)).toMatchObject({ auth: { session: { accountUrl: null } } });
});

test("a response whose user has no sub is rejected", () => {
  for (const body of [null, [], {}, { user: {} }, { user: { sub: 5 } }])
    expect(() => parseUserResponse(body)).toThrow(SyntaxError);
});

test("times are corrected by a clock skew of ten seconds or more", () => {
  const nowMs = Date.parse("2026-01-01T01:00:00Z");
  const responseOf = (headers: Record<string, string>) => new Response(null, { headers });
  expect(clockSkewMs(responseOf({ date: "Thu, 01 Jan 2026 00:00:00 GMT" }), nowMs)).toBe(3_600_000);
  expect(clockSkewMs(responseOf({ date: "Thu, 01 Jan 2026 00:59:57 GMT" }), nowMs)).toBe(0);
  expect(clockSkewMs(responseOf({ date: "yesterday" }), nowMs)).toBe(0);
  expect(clockSkewMs(responseOf({}), nowMs)).toBe(0);
  const body = {
    user: { sub: "u" },
    session: { expiresAt: "2026-01-01T00:30:00Z", createdAt: "soon", idleExpiresAt: 5 },
  };
  expect(parseUserResponse(body, undefined, 3_600_000).auth.session).toMatchObject({
    expiresAtMs: nowMs + 1_800_000,
    createdAtMs: null,
    idleExpiresAtMs: null,
  });
});

test("a logout location that is not an http(s) URL is rejected", () => {
  const origin = "http://localhost:3000";
  expect(parseLogoutLocation({ location: "/logged-out" }, `${origin}/profile`).href).toBe(`${origin}/logged-out`);
  expect(() => parseLogoutLocation({ location: "javascript:alert(1)" }, origin)).toThrow(SyntaxError);
  expect(() => parseLogoutLocation({}, origin)).toThrow(SyntaxError);
});

test("parseUser receives the claims and makes the user, and the sub of the claims still tells users apart", () => {
  const body = { user: { sub: "u", plan: "7" }, session: {} };
  const response = parseUserResponse(body, (claims) => ({ sub: "other", plan: Number(claims["plan"]) }));
  expect(response).toMatchObject({ auth: { user: { sub: "other", plan: 7 } }, sub: "u" });
});
