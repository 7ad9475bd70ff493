// Claim paths: every claim name and every shape of a list of roles.
import { describe, expect, it } from "vitest";
import { MAX_STRINGS, parseClaimPaths, stringsAt, stringsOf, valueAt } from "../../src/lib/claim-path.ts";

function read(setting: string, claims: object): string[] {
  const parsed = parseClaimPaths(setting);
  if ("fault" in parsed) throw new Error(parsed.fault);
  return stringsAt(claims, parsed.paths);
}
const json = (text: string) => JSON.parse(text) as object;

describe("a path finds the roles of", () => {
  it.each<[string, string, object, string[]]>([
    ["a plain claim", "roles", { roles: ["a", "b"] }, ["a", "b"]],
    ["Cognito (a colon)", "cognito:groups", { "cognito:groups": ["a"] }, ["a"]],
    ["Auth0 (a URL)", "https://example.com/roles", { "https://example.com/roles": ["a"] }, ["a"]],
    ["a URL with port, query and fragment", "https://e.com:8443/r?x=1#y", { "https://e.com:8443/r?x=1#y": "a" }, ["a"]],
    [
      "Zitadel (a URN, an object whose keys are the roles)",
      "urn:zitadel:iam:org:project:roles",
      { "urn:zitadel:iam:org:project:roles": { admin: { "12": "zitadel.example.com" }, user: {} } },
      ["admin", "user"],
    ],
    ["Keycloak's realm roles", "realm_access.roles", { realm_access: { roles: ["a"] } }, ["a"]],
    [
      "a Keycloak client with dots, by JSON Pointer",
      "/resource_access/my.client/roles",
      { resource_access: { "my.client": { roles: ["a"] } } },
      ["a"],
    ],
    [
      "a Keycloak client with dots, by a JSON array",
      '["resource_access","my.client","roles"]',
      { resource_access: { "my.client": { roles: ["a"] } } },
      ["a"],
    ],
    [
      "Keycloak's realm and client roles, merged without duplicates",
      "realm_access.roles, /resource_access/my.client/roles",
      { realm_access: { roles: ["a", "b"] }, resource_access: { "my.client": { roles: ["b", "c"] } } },
      ["a", "b", "c"],
    ],
    ["several arrays of names", '[["a","x.y"],["b"]]', { a: { "x.y": "1" }, b: "2" }, ["1", "2"]],
    ["paths separated by blanks", " a \t b\n", { a: "1", b: "2" }, ["1", "2"]],
    ["a claim name with a slash, by JSON Pointer", "/a~1b/c~0d", { "a/b": { "c~d": ["x"] } }, ["x"]],
    ["a claim name with ~1, by JSON Pointer", "/a~01b", { "a~1b": ["x"] }, ["x"]],
    ["a claim name that begins with a slash", '["/roles"]', { "/roles": ["x"], roles: ["y"] }, ["x"]],
    ["a claim name with blanks and commas", '["my roles, all"]', { "my roles, all": ["x"] }, ["x"]],
    ["a claim with an empty name", "/", { "": ["x"] }, ["x"]],
    ["an element of an array", "/groups/1/name", { groups: [{ name: "a" }, { name: "b" }] }, ["b"]],
  ])("a claim path finds the roles of %s", (_what, setting, claims, roles) => {
    expect(read(setting, claims)).toEqual(roles);
  });
});

describe("dot syntax", () => {
  it.each<[string, object, string[]]>([
    ["an exact claim of that name wins over the path", { "a.b": ["exact"], a: { b: ["nested"] } }, ["exact"]],
    ["the path is used without an exact claim", { a: { b: ["nested"] } }, ["nested"]],
    ["an exact claim wins although it is empty", { "a.b": [], a: { b: ["nested"] } }, []],
    ["neither", { a: "b" }, []],
  ])("a name with dots: %s", (_what, claims, roles) => {
    expect(read("a.b", claims)).toEqual(roles);
  });

  it("a JSON Pointer does not split names at dots", () => {
    expect(read("/a.b", { a: { b: ["nested"] } })).toEqual([]);
  });
});

describe("a list of strings is read from", () => {
  it.each<[string, unknown, string[]]>([
    ["one string", "admin", ["admin"]],
    ["words", "  admin   user\tadmin ", ["admin", "user"]],
    ["an array; its strings keep their blanks", ["Domain Admins", "user"], ["Domain Admins", "user"]],
    ["an array of objects with a name", [{ id: 1, name: "a" }, { name: "b" }, { id: 2 }], ["a", "b"]],
    ["an array of strings and objects", ["a", { name: "b" }], ["a", "b"]],
    ["an array with members of other types", [1, null, true, ["x"], {}, { name: 1 }, "", "user"], ["user"]],
    ["an object whose keys are the roles", { admin: { org: "x" }, user: true }, ["admin", "user"]],
    ["an object without the keys that are false or null", { admin: false, user: true, guest: null }, ["user"]],
    ["an empty object", {}, []],
    ["an empty string", "", []],
    ["null", null, []],
    ["a number", 7, []],
    ["undefined", undefined, []],
    ["a string of 1,025 characters beside a shorter one", ["x".repeat(1_025), "a"], ["a"]],
  ])("a list of strings is read from %s", (_what, value, strings) => {
    expect(stringsOf(value)).toEqual(strings);
  });

  it(`a list of strings has at most ${MAX_STRINGS} strings, over all paths`, () => {
    const many = (prefix: string) => Array.from({ length: MAX_STRINGS - 1 }, (_, n) => `${prefix}${n}`);
    expect(stringsOf([...many("a"), ...many("b")])).toHaveLength(MAX_STRINGS);
    expect(read("a b", { a: many("a"), b: many("b") })).toHaveLength(MAX_STRINGS);
  });
});

describe("names of the prototype", () => {
  it.each([
    "__proto__",
    "constructor",
    "constructor.name",
    "toString",
    "/__proto__/polluted",
    "/constructor/name",
    '["__proto__","polluted"]',
    '["constructor","prototype"]',
    "hasOwnProperty.name",
    "/roles/length",
    "/roles/__proto__",
    "/roles/constructor/name",
    "/text/length",
    "/text/0",
  ])("the path %s reads own members only, never the prototype's", (setting) => {
    expect(read(setting, { roles: ["a"], text: "abc" })).toEqual([]);
  });

  it("own members with names of the prototype are read and change no prototype", () => {
    const claims = json('{"__proto__":{"roles":["a"]},"constructor":["b"],"hasOwnProperty":1}');
    expect(read("/__proto__/roles constructor", claims)).toEqual(["a", "b"]);
    expect(stringsOf(json('{"__proto__":true,"constructor":{}}'))).toEqual(["__proto__", "constructor"]);
    expect(({} as { roles?: unknown }).roles).toBeUndefined();
  });
});

describe("an array index of a JSON Pointer", () => {
  it.each([["/a/0"], ["/a/00"], ["/a/-"], ["/a/-1"], ["/a/1e0"], ["/a/9"], ["/a/"]])(
    "an array index of a JSON Pointer is canonical and within the array: %s",
    (setting) => {
      expect(read(setting, { a: ["x"] })).toEqual(setting === "/a/0" ? ["x"] : []);
    },
  );
});

describe("an invalid path is one sentence:", () => {
  it.each([
    ["", /it is empty/],
    [" , ", /it is empty/],
    ["a..b", /between dots is empty/],
    [".a", /between dots is empty/],
    ["a.", /between dots is empty/],
    ["/a~2b", /~0/],
    ["/a~", /~0/],
    ["[", /not valid JSON/],
    ['["a",]', /not valid JSON/],
    ["[]", /names, or arrays of names/],
    ["[[]]", /names, or arrays of names/],
    ["[1]", /names, or arrays of names/],
    ['["a",["b"]]', /names, or arrays of names/],
    ['[{"a":"b"}]', /names, or arrays of names/],
    ['roles ["a","b"]', /whole value/],
    [`/${"a/".repeat(20)}`, /at most 16 names/],
    ["x".repeat(600), /512 characters/],
    [Array.from({ length: 17 }, (_, n) => `a${n}`).join(" "), /at most 16 paths/],
  ])("an invalid claim path is rejected with one sentence: %j", (setting, fault) => {
    const parsed = parseClaimPaths(setting);
    expect(parsed).toEqual({ fault: expect.stringMatching(fault) });
    expect("fault" in parsed && parsed.fault).not.toContain("\n");
  });
});

it("a deeply nested claim is read without recursion", () => {
  const deep = json(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`);
  expect(valueAt(deep, { claim: undefined, names: ["a", "a"] })).toBeTypeOf("object");
});

it.each(["constructor", "__proto__", "toString"])("valueAt finds no inherited member %s", (name) => {
  expect(valueAt({ a: {} }, { claim: undefined, names: [name] })).toBeUndefined();
  expect(valueAt({ a: {} }, { claim: undefined, names: ["a", name] })).toBeUndefined();
});
