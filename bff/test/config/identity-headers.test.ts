// The keys `identityHeaders` and `rateLimit` of upstream rows: accepted forms, and one message with key and cure per error.
import { describe, expect, it } from "vitest";
import { identityPaths } from "../../src/config/identity-headers.ts";
import { parseUpstreamRows } from "../../src/config/upstreams.ts";

const row = { prefix: "/api", baseUrl: "https://orders.test" };
const parse = (...rows: object[]) => parseUpstreamRows(rows, "UPSTREAMS_FILE");
const headersOf = (identityHeaders: object) => {
  const { upstreams, faults } = parse({ ...row, identityHeaders });
  expect(faults).toEqual([]);
  return upstreams[0]!.identityHeaders;
};
const faultsOf = (change: object, ...others: object[]) => parse({ ...row, ...change }, ...others).faults;

describe("identityHeaders", () => {
  it("identityHeaders has defaults for everything but the claim", () => {
    expect(headersOf({ "X-User-Email": "email" })).toEqual([
      {
        name: "x-user-email",
        path: { claim: "email", names: ["email"] },
        ...{ format: "text", separator: ",", encoding: "utf-8", maxBytes: 8_000 },
      },
    ]);
  });

  it.each([
    ["a path with dots", "address.country", ["address", "country"]],
    ["a JSON Pointer", "/resource_access/my.client/roles", ["resource_access", "my.client", "roles"]],
    ["a JSON array as text", '["https://x/roles","a"]', ["https://x/roles", "a"]],
    ["a list of names", ["https://x/roles", "a"], ["https://x/roles", "a"]],
    ["an object", { claim: "groups" }, ["groups"]],
    ["an object with a list of names", { claim: ["a b", "c"] }, ["a b", "c"]],
  ])("a claim may be %s", (_title, entry, names) => {
    expect(headersOf({ "X-Any": entry })[0]!.path.names).toEqual(names);
  });

  it("a separator means that the upstream splits the header", () => {
    expect(headersOf({ "X-G": { claim: "g", separator: ";" } })[0]).toMatchObject({ format: "list", separator: ";" });
    expect(headersOf({ "X-G": { claim: "g", separator: ";", format: "text" } })[0]).toMatchObject({ format: "text" });
  });

  it.each(["X-User", "x-user", "Remote-User", "X-Auth-Request-Email", "User", "X-1", "X-Webauth-User", "X-Real-Name"])(
    "the name %s is accepted",
    (name) => {
      expect(headersOf({ [name]: "sub" })[0]!.name).toBe(name.toLowerCase());
    },
  );

  const NAMES = `
    Authorization Cookie Cookie2 Host DPoP Connection Keep-Alive TE Trailer Transfer-Encoding Upgrade Expect Content-Length
    Content-Type Accept Accept-Encoding Range If-None-Match User-Agent Forwarded X-Forwarded X-Forwarded-For
    X-Forwarded-User X-Forwarded-Email X-Request-Id Proxy Proxy-Authorization Sec-Fetch-Site Sec-WebSocket-Key traceparent
    HTTP2-Settings X-CSRF Origin Referer Via X_User X.User X--User X-User- -X-User X!User X~User`;
  it.each([...NAMES.trim().split(/\s+/), "", "X User", "X-Üser", "X-User:", "X-User\r\n"])(
    "the name %j prevents startup",
    (name) => {
      expect(faultsOf({ identityHeaders: { [name]: "email" } })).toEqual([
        expect.stringMatching(/^UPSTREAMS_FILE row 1 \(\/api\): identityHeaders\./),
      ]);
    },
  );

  it.each([
    ["two claims", "email sub", /must name one claim/],
    ["two claims with a comma", "email,sub", /must name one claim/],
    ["no claim", "", /names no claim/],
    ["an empty part", "a..b", /names no claim/],
    ["an empty list", [], /names no claim/],
    ["a claim of the token", "nonce", /describes the token/],
    ["a member of such a claim", "cnf.jkt", /describes the token/],
    ["sources of claims, which may hold a token", "_claim_sources", /describes the token/],
    ["a number", 1, /must be a claim such as/],
    ["null", null, /must be a claim such as/],
    ["an object without a claim", { separator: "," }, /must be a claim such as/],
    ["an unknown key", { claim: "a", seperator: "," }, /X-User\.seperator is not known/],
    ["an unknown format", { claim: "a", format: "csv" }, /format \(text, list, json\)/],
    ["a letter as the separator", { claim: "a", separator: "x" }, /X-User\.separator must be one to three/],
    ["an empty separator", { claim: "a", separator: "" }, /X-User\.separator must be one to three/],
    ["a line break as the separator", { claim: "a", separator: "\n" }, /X-User\.separator must be one to three/],
    ["a percent sign as the separator", { claim: "a", separator: "%" }, /X-User\.separator must be one to three/],
    ["a separator with JSON", { claim: "a", format: "json", separator: "," }, /format json/],
    ["an encoding with JSON", { claim: "a", format: "json", encoding: "percent" }, /format json/],
    ["no bytes", { claim: "a", maxBytes: 0 }, /X-User\.maxBytes must be a whole number/],
  ])("an entry prevents startup: %s", (_title, entry, message) => {
    expect(faultsOf({ identityHeaders: { "X-User": entry } })).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    ["another case", { "X-User": "sub", "x-user": "email" }],
    ["another place of the hyphens", { "X-User-Id": "sub", "X-Userid": "email" }],
  ])("two names that some upstream reads alike prevent startup: %s", (_title, identityHeaders) => {
    expect(faultsOf({ identityHeaders })).toEqual([expect.stringMatching(/is the same header as X-User/)]);
  });

  it.each([
    ["headers of the row", { headers: { "X-User": "fixed" } }, /headers sets x-user/],
    ["headers of the row in another spelling", { headers: { "X.User": "fixed" } }, /headers sets x\.user/],
    ["requestHeaders of the row", { requestHeaders: ["X-User"] }, /requestHeaders lists x-user/],
    ["requestHeaders in another spelling", { requestHeaders: ["x_user"] }, /requestHeaders lists x_user/],
  ])("an identity header that is also in %s prevents startup", (_title, change, message) => {
    expect(faultsOf({ identityHeaders: { "X-User": "sub" }, ...change })).toEqual([expect.stringMatching(message)]);
  });

  it("an identity header that another row lists in requestHeaders prevents startup", () => {
    const other = { prefix: "/other", baseUrl: "https://o.test", requestHeaders: ["x_user"] };
    expect(faultsOf({ identityHeaders: { "X-User": "sub" } }, other)).toEqual([
      expect.stringMatching(
        /^UPSTREAMS_FILE row 2 \(\/other\): requestHeaders lists x_user, but x-user is an identity/,
      ),
    ]);
    expect(parse(other, { ...row, identityHeaders: { "X-User": "sub" } }).faults).toHaveLength(1);
  });

  it("a fixed header of another row may have the name of an identity header", () => {
    const other = { prefix: "/other", baseUrl: "https://o.test", headers: { "X-User": "service" } };
    expect(faultsOf({ identityHeaders: { "X-User": "sub" } }, other)).toEqual([]);
  });

  it("claims that userinfo can have are requested from it", () => {
    const headers = headersOf({ A: "email", B: "sub", C: "roles", D: "amr", E: "address.country" });
    const requiredClaims = ["tier", "acr"].map((name) => ({ path: { claim: name, names: [name] } }));
    const names = identityPaths([{ identityHeaders: headers, requiredClaims }]).map((path) => path.names.join("."));
    expect(names).toEqual(["email", "address.country", "tier"]);
  });
});

describe("rateLimit", () => {
  it.each([
    { perUser: { requests: 1, seconds: 1 } },
    { perAddress: { requests: 1_000_000, seconds: 86_400 } },
    { perUser: { requests: 10, seconds: 60 }, perAddress: { requests: 10, seconds: 60 } },
  ])("a rate limit is accepted: %j", (rateLimit) => {
    expect(faultsOf({ rateLimit })).toEqual([]);
  });

  it.each([
    ["without a limit", {}, /must have perUser, perAddress or both/],
    ["without requests", { perUser: { requests: 0, seconds: 1 } }, /whole number from 1/],
    ["with a fraction", { perUser: { requests: 1.5, seconds: 1 } }, /whole number from 1/],
    ["with a text", { perUser: { requests: "10", seconds: 1 } }, /whole number from 1/],
    ["longer than a day", { perUser: { requests: 1, seconds: 86_401 } }, /whole number from 1/],
    ["with an unknown key", { perIp: { requests: 1, seconds: 1 } }, /rateLimit\.perIp is not known/],
  ])("a rate limit prevents startup: %s", (_title, rateLimit, message) => {
    expect(faultsOf({ rateLimit }).join("\n")).toMatch(message);
  });

  it("a limit per user prevents startup on a public row", () => {
    const rateLimit = { perUser: { requests: 1, seconds: 1 } };
    expect(faultsOf({ access: "public", rateLimit })).toEqual([expect.stringMatching(/needs a user/)]);
    expect(faultsOf({ access: "optional", rateLimit })).toEqual([]);
  });
});
