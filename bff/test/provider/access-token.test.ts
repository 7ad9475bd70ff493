// The lifetime that an access token states about itself.
import { expect, it } from "vitest";
import { MAX_LIFETIME_SECONDS, ownLifetime } from "../../src/provider/access-token.ts";

const NOW_SECONDS = 1_800_000_000;
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenWith = (payload: unknown): string => `${encode({ alg: "RS256" })}.${encode(payload)}.signature`;

it.each<[string, unknown, number | undefined]>([
  ["in 300 seconds", NOW_SECONDS + 300, 300],
  ["in half a second", NOW_SECONDS + 0.5, undefined],
  ["in the past", NOW_SECONDS - 1, undefined],
  ["in more than a year", NOW_SECONDS + MAX_LIFETIME_SECONDS + 1, MAX_LIFETIME_SECONDS],
  ["1e308", 1e308, MAX_LIFETIME_SECONDS],
  ["in milliseconds", (NOW_SECONDS + 300) * 1_000, MAX_LIFETIME_SECONDS],
  ["a string", String(NOW_SECONDS + 300), undefined],
  ["null", null, undefined],
  ["missing", undefined, undefined],
])("an access token whose exp is %s has a lifetime of at most a year", (_name, exp, lifetime) => {
  expect(ownLifetime(tokenWith({ exp }), NOW_SECONDS)).toBe(lifetime);
});

it.each(["opaque", "a.b", "a.b.c", tokenWith([1]), tokenWith("text"), tokenWith(null)])(
  "the access token %s states no lifetime",
  (token) => {
    expect(ownLifetime(token, NOW_SECONDS)).toBeUndefined();
  },
);
