// Claims of every JSON type as header values: exact, or rejected.
import { describe, expect, test } from "vitest";
import { claimValue, type ClaimRules } from "../../src/headers/claim-value.ts";

const rules = (change: Partial<ClaimRules> = {}): ClaimRules => ({
  format: "text",
  separator: ",",
  encoding: "utf-8",
  ...change,
});
const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");
const deep = (levels: number): unknown => (levels === 0 ? "x" : [deep(levels - 1)]);

type Row = [title: string, claim: unknown, change: Partial<ClaimRules>, value: string];

const VALUES: Row[] = [
  ["a text", "alice@example.com", {}, "alice@example.com"],
  ["a text with the separator", "Doe, Jane", {}, "Doe, Jane"],
  ["a text with inner blanks", "Jane  Doe", {}, "Jane  Doe"],
  ["a text that looks encoded", "100%25", {}, "100%25"],
  ["a text beyond ASCII, as UTF-8", "Zoë 東京 😀", {}, utf8("Zoë 東京 😀")],
  ["an integer", 42, {}, "42"],
  ["zero", 0, {}, "0"],
  ["a negative number", -1.5, {}, "-1.5"],
  ["the largest exact integer", Number.MAX_SAFE_INTEGER, {}, "9007199254740991"],
  ["true", true, {}, "true"],
  ["false", false, {}, "false"],
  ["null", null, {}, ""],
  ["an absent claim", undefined, {}, ""],
  ["an empty text", "", {}, ""],
  ["a list", ["a", "b c", 3, true], {}, "a,b c,3,true"],
  ["an empty list", [], {}, ""],
  ["a list with empty elements", ["", null, "a", ""], {}, "a"],
  ["a list of one", ["a"], {}, "a"],
  ["a list with another separator", ["a,b", "c"], { separator: "|" }, "a,b|c"],
  ["a list with a separator of two characters", ["a", "b"], { separator: ", " }, "a, b"],
  ["a list separated by blanks", ["a,b", "c"], { separator: " " }, "a,b c"],
  ["a list that is a single text", "a b", { format: "list" }, "a b"],
  ["an absent list", undefined, { format: "list" }, ""],
  ["a text, percent-encoded", "Zoë 100% a,b", { encoding: "percent" }, "Zo%C3%AB 100%25 a,b"],
  ["controls, percent-encoded", "a\r\nX: 1\0\t\u0085", { encoding: "percent" }, "a%0D%0AX: 1%00%09%C2%85"],
  ["outer blanks, percent-encoded", " a ", { encoding: "percent" }, "%20a%20"],
  ["one blank, percent-encoded", " ", { encoding: "percent" }, "%20"],
  ["a list, percent-encoded", ["a,b", "c%", "é"], { encoding: "percent" }, "a%2Cb,c%25,%C3%A9"],
  ["a list of one text, percent-encoded", "a,b", { format: "list", encoding: "percent" }, "a%2Cb"],
  ["an object as JSON", { a: [1, "é😀"], b: null }, { format: "json" }, '{"a":[1,"\\u00e9\\ud83d\\ude00"],"b":null}'],
  ["a list as JSON", ["a,b", { n: 1 }], { format: "json" }, '["a,b",{"n":1}]'],
  ["a text as JSON", 'a"\r\n\u007f', { format: "json" }, '"a\\"\\r\\n\\u007f"'],
  ["half of a surrogate pair as JSON", "\ud800", { format: "json" }, '"\\ud800"'],
  ["an absent claim as JSON", undefined, { format: "json" }, ""],
  ["null as JSON", null, { format: "json" }, ""],
  ["nesting up to the limit as JSON", deep(16), { format: "json" }, JSON.stringify(deep(16))],
];

test.each(VALUES)("a claim is sent as one exact value: %s", (_title, claim, change, value) => {
  expect(claimValue(claim, rules(change))).toEqual({ value });
});

const REJECTED: [title: string, claim: unknown, change: Partial<ClaimRules>, problem: RegExp][] = [
  ["CR LF", "alice\r\nX-Admin: 1", {}, /control character/],
  ["LF", "alice\nx", {}, /control character/],
  ["CR", "alice\rx", {}, /control character/],
  ["NUL", "alice\0", {}, /control character/],
  ["a tab", "alice\tadmin", {}, /control character/],
  ["DEL", "alice\u007f", {}, /control character/],
  ["NEL", "alice\u0085x", {}, /control character/],
  ["a line separator", "alice\u2028x", {}, /control character/],
  ["a blank in front, which parsers remove", " alice", {}, /blank/],
  ["a blank at the end", "alice ", {}, /blank/],
  ["a blank alone", " ", {}, /blank/],
  ["half of a surrogate pair", "a\ud800", {}, /surrogate/],
  ["half of a surrogate pair, percent-encoded", "a\udc00", { encoding: "percent" }, /surrogate/],
  ["an integer that JSON.parse has rounded", 9007199254740992, {}, /2\^53/],
  ["such an integer in a list", [1, 1e21], {}, /2\^53/],
  ["such an integer in JSON", { ids: [2 ** 60] }, { format: "json" }, /2\^53/],
  ["an object", { admin: true }, {}, /format to json/],
  ["an object in a list", ["a", { name: "b" }], {}, /format to json/],
  ["a list in a list", [["a"]], {}, /format to json/],
  ["an object as a list", { admin: true }, { format: "list" }, /format to json/],
  ["an element with the separator", ["a,admin"], {}, /separator/],
  ["a single text with the separator where the upstream splits", "a,admin", { format: "list" }, /separator/],
  ["an element with the separator without its blank", ["a,admin"], { separator: ", " }, /separator/],
  ["an element with a blank as the separator", ["a admin"], { separator: " " }, /separator/],
  ["an element with outer blanks", ["a", " b"], {}, /blank/],
  ["too many levels as JSON", deep(17), { format: "json" }, /16 levels/],
];

describe("a claim without an exact value", () => {
  test.each(REJECTED)("a claim without an exact value is rejected: %s", (_title, claim, change, problem) => {
    expect(claimValue(claim, rules(change))).toEqual({ problem: expect.stringMatching(problem) });
  });
});
