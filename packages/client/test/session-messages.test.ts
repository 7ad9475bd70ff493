// End reasons of the gateway as messages between tabs.
import { expect, test } from "vitest";
import { endReasonOf, eventOf, tabMessages } from "../src/session-messages.ts";

test.each(["logout", "revoked", "limit", "provider_logout", "refresh_rejected", "expired", "brand-new", null])(
  "the end reason %s becomes a message that other tabs accept",
  (reason) => expect(tabMessages).toContain(endReasonOf(reason, "session_revoked")),
);

test("an unknown end reason becomes session_revoked", () => {
  expect(eventOf(endReasonOf("brand-new", "session_revoked"))).toEqual({ type: "ended", reason: "session_revoked" });
});

test("the message of a page that has loaded is no event of the gateway", () => {
  expect(eventOf("changed")).toBeNull();
});

test("an expiry warning has no end reason", () => {
  expect(eventOf("expiring")).toEqual({ type: "expiring" });
});
