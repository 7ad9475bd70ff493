// Names and other foreign text cannot change the order of what is read, hide anything, or break out of their line.
import { describe, expect, test } from "vitest";
import { problemOf } from "../src/server/problem.ts";
import { plainText, plainValue, visibleJson } from "../src/server/plain-text.ts";
import { ownSessionsOf } from "../src/server/sessions.ts";
import { whoOf } from "../src/server/user.ts";

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
const removed: readonly (readonly [name: string, codePoints: readonly number[]])[] = [
  ["embeddings and overrides", range(0x202a, 0x202e)],
  ["isolates", range(0x2066, 0x2069)],
  ["left-to-right and right-to-left marks", [0x200e, 0x200f]],
  ["Arabic letter mark", [0x061c]],
  ["deprecated format characters", range(0x206a, 0x206f)],
  ["invisible operators and word joiner", range(0x2060, 0x2064)],
  ["zero width space, byte order mark, soft hyphen, grapheme joiner", [0x200b, 0xfeff, 0x00ad, 0x034f]],
  ["Mongolian vowel separator and variation selectors", range(0x180b, 0x180f)],
  ["Hangul fillers", [0x115f, 0x1160, 0x3164, 0xffa0]],
  ["interlinear annotations", range(0xfff9, 0xfffb)],
  ["tags", range(0xe0000, 0xe007f)],
  ["C0 controls", [...range(0x00, 0x08), ...range(0x0e, 0x1f), 0x7f]],
  ["C1 controls", [...range(0x80, 0x84), ...range(0x86, 0x9f)]],
];

describe.each(removed)("%s", (_name, codePoints) => {
  test.each(codePoints.map((codePoint) => `U+${codePoint.toString(16).padStart(4, "0")}`))("%s is removed", (name) => {
    const character = String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    expect(plainText(`Alice ${character}nimda`)).toBe("Alice nimda");
    expect(plainText(`${character}Alice${character}${character}`)).toBe("Alice");
    expect(visibleJson({ name: `Alice ${character}nimda` })).not.toContain(character);
    expect(JSON.parse(visibleJson({ name: `Alice ${character}nimda` }))).toEqual({ name: `Alice ${character}nimda` });
  });
});

test.each([
  "Alice Example",
  "Zoë Ångström-O’Brien",
  "محمد علی",
  "דנה לוי",
  "می\u200cخواهم",
  "山田 太郎",
  "👩\u200d💻 Ada",
  "❤\ufe0f",
  "e\u0301",
  "",
])("%j is kept as it is", (text) => {
  expect(plainText(text)).toBe(text);
});

test.each(["a\nb", "a\r\nb", "a\tb", "a\u2028b", "a\u2029b", "a\u0085b"])("%j becomes one line", (text) => {
  expect(plainText(text)).toBe("a b");
});

test("half a surrogate pair is replaced", () => {
  expect(plainText("a\ud83d")).toBe("a\ufffd");
});

test("the members of a claim are cleaned at every depth", () => {
  expect(plainValue({ "a\u202e": ["b\u202e", { c: "\u2066d" }], n: 1, z: null, t: true })).toEqual({
    a: ["b", { c: "d" }],
    n: 1,
    z: null,
    t: true,
  });
});

describe("where foreign text enters", () => {
  const who = (user: Record<string, unknown>) => {
    const known = whoOf({ user: { sub: "s", ...user }, session: {} });
    if (known.kind !== "user") throw new Error("expected a user");
    return known.user;
  };

  test.each(["name", "preferred_username", "email"])("the claim %s", (claim) => {
    const user = who({ [claim]: "Alice \u202enimda" });
    expect(user.displayName).toBe("Alice nimda");
    expect(user.claims[claim]).toBe("Alice nimda");
  });

  test("a name of nothing but invisible characters is no name", () => {
    expect(who({ name: "\u202e\u200b \u2069", preferred_username: "alice" }).displayName).toBe("alice");
  });

  test("a role that only looks like another is not that role", () => {
    const user = who({ roles: ["ad\u202emin", "\u200badmin", "user"] });
    expect(user.roles).toEqual(["user"]);
  });

  test("two subjects that differ in an invisible character stay two", () => {
    expect(who({ sub: "a\u200b" }).sub).not.toBe(who({ sub: "a" }).sub);
  });

  test("the device of a session", () => {
    expect(ownSessionsOf({ sessions: [{ id: "x", device: "Firefox \u202exuniL" }] })[0]?.device).toBe("Firefox xuniL");
  });

  test("title and detail of a problem", () => {
    const body = { type: "x:y", title: "a\u202eb", detail: "c\u2066d" };
    const problem = problemOf({ status: 400, body, requestIdHeader: null, retryAfterMs: null });
    expect([problem.title, problem.detail]).toEqual(["ab", "cd"]);
  });
});
