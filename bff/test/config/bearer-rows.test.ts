// Rows for clients with their own access token: accepted values, and one sentence with key and cure per error.
import { describe, expect, it } from "vitest";
import { writeRows } from "@cloakroom/testkit/upstream-rows.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";

const row = { prefix: "/api", baseUrl: "http://orders:8000", access: "bearer", bearer: { audience: "orders" } };
const parse = (change: object) => parseUpstreams(undefined, writeRows([{ ...row, ...change }]).UPSTREAMS_FILE);
const faultsOf = (change: object) => parse(change).faults.join("\n");

describe("a bearer row", () => {
  it("a bearer row needs an audience; all other keys have defaults", () => {
    const { upstreams, faults } = parse({});
    expect(faults).toEqual([]);
    expect(upstreams[0]).toMatchObject({ access: "bearer", token: "user", csrf: "none" });
    expect(upstreams[0]?.bearer).toMatchObject({
      ...{ audience: ["orders"], typ: "required", clockSkewSeconds: 30, dpop: "optional", forwardProof: false },
      algorithms: expect.arrayContaining(["RS256", "ES256", "EdDSA"]),
    });
  });

  it.each<[string, object]>([
    ["several audiences", { bearer: { audience: ["a", "b"] } }],
    ["clients in place of an audience", { bearer: { clientIds: "robot" } }],
    [
      "another issuer with its keys",
      { bearer: { audience: "a", issuer: "https://ci.test", jwksUri: "https://ci.test/jwks" } },
    ],
    ["keys on loopback", { bearer: { audience: "a", jwksUri: "http://localhost:8080/jwks" } }],
    ["introspection with defaults", { bearer: { audience: "a", introspection: {} } }],
    ["session-or-bearer with a CSRF rule", { access: "session-or-bearer", csrf: "fetch-metadata" }],
    ["roles and scopes", { requiredRoles: ["a"], requiredScopes: ["b"] }],
    ["the gateway's own token for a resource", { token: "client", resource: "https://orders.test/" }],
    ["no token", { token: "none" }],
    ["a CSRF check", { csrf: "header" }],
  ])("accepts %s", (_name, change) => {
    expect(faultsOf(change)).toBe("");
  });

  it.each<[string, object, RegExp]>([
    ["no rules", { bearer: undefined }, /\(\/api\): bearer is required by access bearer, e\.g\. /],
    [
      "no rules beside sessions",
      { access: "session-or-bearer", bearer: undefined },
      /bearer is required by access session-or-bearer/,
    ],
    [
      "rules without audience",
      { bearer: {} },
      /bearer\.audience is required: without it a token for any other API .* Set it/,
    ],
    ["rules with an empty audience", { bearer: { audience: "" } }, /bearer\.audience.* must not be empty/],
    [
      "rules with an audience of blanks",
      { bearer: { audience: " orders" } },
      /bearer\.audience.* must not begin or end with a blank/,
    ],
    ["rules with no audience in the list", { bearer: { audience: [] } }, /bearer\.audience must not be an empty list/],
    ["rules with a number as audience", { bearer: { audience: 1 } }, /bearer\.audience must be a string or a list/],
    ["rules on a session row", { access: "session" }, /bearer has no effect with access session\. Set access/],
    ["rules on a public row", { access: "public", token: undefined }, /bearer has no effect with access public/],
    ["rules that are a text", { bearer: "orders" }, /bearer must be an object/],
    ["an unknown rule", { bearer: { audience: "a", audiences: "b" } }, /bearer\.audiences/],
    [
      "alg none",
      { bearer: { audience: "a", algorithms: ["none"] } },
      /bearer\.algorithms.* must be an asymmetric algorithm/,
    ],
    [
      "HS256",
      { bearer: { audience: "a", algorithms: ["RS256", "HS256"] } },
      /bearer\.algorithms.* must be an asymmetric algorithm/,
    ],
    ["no algorithm", { bearer: { audience: "a", algorithms: [] } }, /bearer\.algorithms must name at least one/],
    ["another typ rule", { bearer: { audience: "a", typ: "JWT" } }, /bearer\.typ must be required or optional/],
    [
      "an issuer without keys",
      { bearer: { audience: "a", issuer: "https://ci.test" } },
      /bearer\.jwksUri is required by bearer\.issuer/,
    ],
    [
      "introspection at another issuer",
      { bearer: { audience: "a", issuer: "https://ci.test", jwksUri: "https://ci.test/jwks", introspection: {} } },
      /bearer\.introspection\.endpoint is required by bearer\.issuer: .*credentials/,
    ],
    [
      "keys in clear text",
      { bearer: { audience: "a", jwksUri: "http://keys.test/jwks" } },
      /bearer\.jwksUri must be https/,
    ],
    [
      "keys with a password",
      { bearer: { audience: "a", jwksUri: "https://u:p@keys.test/" } },
      /bearer\.jwksUri must be https.*without credentials/,
    ],
    [
      "an endpoint in clear text",
      { bearer: { audience: "a", introspection: { endpoint: "http://p.test/i" } } },
      /bearer\.introspection\.endpoint must be https/,
    ],
    [
      "introspection as a flag",
      { bearer: { audience: "a", introspection: true } },
      /bearer\.introspection must be an object/,
    ],
    [
      "a cache of an hour",
      { bearer: { audience: "a", introspection: { cacheSeconds: 3_600 } } },
      /cacheSeconds must be a whole number from 0 to 300/,
    ],
    [
      "a skew of an hour",
      { bearer: { audience: "a", clockSkewSeconds: 3_600 } },
      /clockSkewSeconds must be a whole number from 0 to 300/,
    ],
    ["a quoted flag", { bearer: { audience: "a", forwardProof: "true" } }, /forwardProof must be true or false/],
    [
      "token exchange",
      { scope: "orders:read" },
      /scope asks for another token, but the row forwards the one of the client/,
    ],
    [
      "no CSRF check beside sessions",
      { access: "session-or-bearer", csrf: "none" },
      /csrf may be none only with access public or bearer/,
    ],
  ])("a bearer row with %s prevents startup", (_name, change, sentence) => {
    expect(faultsOf(change)).toMatch(sentence);
    expect(faultsOf(change).split("\n")).toHaveLength(1);
  });
});
