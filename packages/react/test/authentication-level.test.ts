// Which sessions reach the level that a page requires.
import type { Session } from "@cloakroom/client";
import { expect, it } from "vitest";
import { isStrongEnough, type RequiredLevel } from "../src/authentication-level.ts";

const nowMs = 1_000_000_000;
const session = (acr: string | null, authenticatedSecondsAgo: number | null): Session => ({
  handle: "h",
  createdAtMs: null,
  idleExpiresAtMs: null,
  expiresAtMs: null,
  authTimeMs: authenticatedSecondsAgo === null ? null : nowMs - authenticatedSecondsAgo * 1_000,
  acr,
  accountUrl: null,
});

const rows: readonly [what: string, session: Session, level: RequiredLevel, expected: boolean][] = [
  ["without a level", session(null, null), {}, true],
  ["with the required acr", session("2", 10), { acrValues: "2" }, true],
  ["with one of several", session("3", 10), { acrValues: ["2", "3"] }, true],
  ["with another acr", session("1", 10), { acrValues: ["2", "3"] }, false],
  ["with an acr that contains the required one", session("22", 10), { acrValues: "2" }, false],
  ["without an acr", session(null, 10), { acrValues: "2" }, false],
  ["with an empty list of acr values", session(null, 10), { acrValues: [] }, true],
  ["at the maximum age", session("1", 900), { maxAge: 900 }, true],
  ["above the maximum age", session("1", 901), { maxAge: 900 }, false],
  ["without a time", session("1", null), { maxAge: 900 }, false],
  ["with a maximum age of 0", session("1", 1), { maxAge: 0 }, false],
  ["strong but too old", session("2", 901), { acrValues: "2", maxAge: 900 }, false],
  ["recent but too weak", session("1", 1), { acrValues: "2", maxAge: 900 }, false],
];

it.each(rows)("isStrongEnough decides for a session %s", (_what, each, level, expected) => {
  expect(isStrongEnough(each, level, nowMs)).toBe(expected);
});
