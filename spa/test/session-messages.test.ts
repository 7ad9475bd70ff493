// End reasons of the gateway as messages between tabs.
import { expect, test } from "vitest";
import { endReasonOf, sessionEndedEvent, tabMessages } from "../src/session/session-messages.ts";

test.each(["logout", "revoked", "limit", "provider_logout", "refresh_rejected", "expired", "brand-new", null])(
  "the end reason %s becomes a message that other tabs accept",
  (reason) => expect(tabMessages).toContain(sessionEndedEvent(reason)),
);

test("an unknown end reason becomes session_revoked", () => {
  expect(endReasonOf(sessionEndedEvent("brand-new"))).toBe("session_revoked");
});

test("an expiry warning has no end reason", () => {
  expect(endReasonOf("expiring")).toBeNull();
});
