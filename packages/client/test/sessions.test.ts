// Parsing of GET /bff/sessions.
import { expect, test } from "vitest";
import { parseSessions } from "../src/sessions.ts";

test("a response without a list is rejected, because an empty list means that the user has no session", () => {
  for (const body of [null, [], {}, { sessions: null }, { sessions: "none" }])
    expect(() => parseSessions(body)).toThrow(SyntaxError);
  expect(parseSessions({ sessions: [] })).toEqual([]);
});

test("missing and malformed fields of a session are null, and times are corrected by the clock skew", () => {
  const createdAt = "2026-01-01T00:00:00.000Z";
  const body = { sessions: [{ id: "a", current: true, createdAt, device: null, lastUsedAt: "soon" }, "nonsense"] };
  expect(parseSessions(body, 60_000)).toEqual([
    { handle: "a", isCurrent: true, device: null, createdAtMs: Date.parse(createdAt) + 60_000, lastUsedAtMs: null },
  ]);
});
