// What the app makes of the gateway's list of sessions, and of its news.
import { expect, test } from "vitest";
import { ownSessionsOf } from "../src/server/sessions.ts";
import { endReasonOf, endedNews, tabMessages } from "../src/session/session-news.ts";

test("an answer without a list is no empty list: that would say that one is logged in nowhere", () => {
  for (const body of [null, [], {}, { sessions: null }, { sessions: "none" }])
    expect(() => ownSessionsOf(body)).toThrow(SyntaxError);
  expect(ownSessionsOf({ sessions: [] })).toEqual([]);
});

test("what a session does not tell is unknown, and its times are by this machine's clock", () => {
  const createdAt = "2026-01-01T00:00:00.000Z";
  const body = { sessions: [{ id: "a", current: true, createdAt, device: null, lastUsedAt: "soon" }, "nonsense"] };
  expect(ownSessionsOf(body, 60_000)).toEqual([
    { handle: "a", isCurrent: true, device: null, createdAtMs: Date.parse(createdAt) + 60_000, lastUsedAtMs: null },
  ]);
});

test("every reason that the gateway gives is news that the other tabs understand, also one that is new to us", () => {
  for (const reason of [
    "logout",
    "revoked",
    "limit",
    "provider_logout",
    "refresh_rejected",
    "expired",
    "brand-new",
    null,
  ])
    expect(tabMessages).toContain(endedNews(reason));
  expect(endReasonOf(endedNews("brand-new"))).toBe("session_revoked");
  expect(endReasonOf("expiring")).toBeNull();
});
