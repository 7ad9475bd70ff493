// Text of users and APIs contains no hidden characters, no bidirectional controls and no line breaks.
import { describe, expect, test } from "vitest";
import { deviceName } from "../src/pages/profile/session-row.tsx";
import { formatJson, sanitizeJson, sanitizeText } from "../src/server/sanitize-text.ts";
import { parseUser } from "../src/session/user.ts";

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
  test.each(codePoints.map((codePoint) => `U+${codePoint.toString(16).padStart(4, "0")}`))(
    "%s is removed from text and escaped in JSON",
    (name) => {
      const character = String.fromCodePoint(Number.parseInt(name.slice(2), 16));
      expect(sanitizeText(`Alice ${character}nimda`)).toBe("Alice nimda");
      expect(sanitizeText(`${character}Alice${character}${character}`)).toBe("Alice");
      expect(formatJson({ name: `Alice ${character}nimda` })).not.toContain(character);
      expect(JSON.parse(formatJson({ name: `Alice ${character}nimda` }))).toEqual({ name: `Alice ${character}nimda` });
    },
  );
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
])("visible text %j is unchanged", (text) => {
  expect(sanitizeText(text)).toBe(text);
});

test.each(["a\nb", "a\r\nb", "a\tb", "a\u2028b", "a\u2029b", "a\u0085b"])(
  "the line break in %j becomes a space",
  (text) => {
    expect(sanitizeText(text)).toBe("a b");
  },
);

test("a lone surrogate becomes U+FFFD", () => {
  expect(sanitizeText("a\ud83d")).toBe("a\ufffd");
});

test("a JSON value is sanitized at every depth, member names included", () => {
  expect(sanitizeJson({ "a\u202e": ["b\u202e", { c: "\u2066d" }], n: 1, z: null, t: true })).toEqual({
    a: ["b", { c: "d" }],
    n: 1,
    z: null,
    t: true,
  });
});

describe("sanitized fields of responses", () => {
  const userWith = (claims: Record<string, unknown>) => parseUser({ sub: "s", ...claims });

  test.each(["name", "preferred_username", "email"])("the claim %s is sanitized, also as display name", (claim) => {
    const user = userWith({ [claim]: "Alice \u202enimda" });
    expect(user.displayName).toBe("Alice nimda");
    expect(user.claims[claim]).toBe("Alice nimda");
  });

  test("a name of hidden characters only is skipped for the display name", () => {
    expect(userWith({ name: "\u202e\u200b \u2069", preferred_username: "alice" }).displayName).toBe("alice");
  });

  test("a role with hidden characters is dropped instead of matching another role", () => {
    const user = userWith({ roles: ["ad\u202emin", "\u200badmin", "user"] });
    expect(user.roles).toEqual(["user"]);
  });

  test("the sub is not sanitized, so that two subjects never become equal", () => {
    expect(userWith({ sub: "a\u200b" }).sub).not.toBe(userWith({ sub: "a" }).sub);
  });

  test("the device of a session is sanitized", () => {
    const session = { handle: "x", isCurrent: false, createdAtMs: null, lastUsedAtMs: null };
    expect(deviceName({ ...session, device: "Firefox \u202exuniL" })).toBe("Firefox xuniL");
  });
});
