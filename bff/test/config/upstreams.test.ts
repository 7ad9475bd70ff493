// Upstream rows: accepted values, and one message with row, key and fix per error.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "cloakroom-upstreams-"));
const fileOf = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const parse = (...rows: unknown[]) => parseUpstreams(undefined, fileOf("upstreams.json", JSON.stringify(rows)));
const row = { prefix: "/api", baseUrl: "https://orders.test" };
const faultOf = (change: object): string => parse({ ...row, ...change }).faults.join("\n");

const authority = testAuthority();
const { cert, key } = authority.issue("orders.test");
const [certFile, keyFile] = [fileOf("cert.pem", cert), fileOf("key.pem", key)];

describe("an upstream row", () => {
  it("an upstream row needs a prefix and a base URL; all other keys have defaults", () => {
    const { upstreams, faults } = parse(row);
    expect(faults).toEqual([]);
    expect(upstreams[0]).toMatchObject({
      baseUrls: ["https://orders.test"],
      token: "user",
      maxConnections: 0,
      breakerFailures: 5,
      breakerStatuses: [],
      webSocket: false,
      maxWebSocketsPerSession: 20,
      tls: undefined,
    });
  });

  it("a row in short form forwards WebSockets", () => {
    const { upstreams } = parseUpstreams("/api=http://orders:8000", undefined);
    expect(upstreams[0]).toMatchObject({
      webSocket: true,
      methods: expect.arrayContaining(["POST"]),
      requiredRoles: [],
    });
  });

  it("an upstream row accepts all keys together", () => {
    const { upstreams, faults } = parse({
      prefix: "/api/orders",
      baseUrl: ["https://10.0.0.1:8443/v1", "https://10.0.0.2:8443/v1/"],
      methods: ["GET", "HEAD"],
      token: "client",
      audience: "orders",
      resource: "https://orders.test/",
      scope: "orders:read orders:write",
      requiredRoles: ["clerk"],
      requiredScopes: ["openid"],
      requiredClaims: [{ claim: "tier", values: ["gold", 1, true] }],
      requiredAcr: ["2", "https://refeds.org/profile/mfa"],
      maxAuthenticationAgeSeconds: 900,
      requestHeaders: ["X-Theme", "x_legacy"],
      headers: { "X-Tenant": "acme", "x-api-key": { file: fileOf("key.txt", "secret-key\n") } },
      maxConnections: 50,
      maxQueued: 10,
      queueTimeoutMs: 500,
      breakerFailures: 2,
      breakerOpenMs: 1_000,
      breakerStatuses: [503],
      caFile: certFile,
      certFile,
      keyFile,
      serverName: "orders.test",
    });
    expect(faults).toEqual([]);
    expect(upstreams[0]?.baseUrls).toEqual(["https://10.0.0.1:8443/v1", "https://10.0.0.2:8443/v1"]);
    expect([...(upstreams[0]?.headers ?? [])]).toEqual([
      ["x-tenant", "acme"],
      ["x-api-key", "secret-key"],
    ]);
    expect([...(upstreams[0]?.requestHeaders ?? [])]).toEqual(["x-theme", "x_legacy"]);
    expect(upstreams[0]?.tls).toMatchObject({ servername: "orders.test", ca: expect.stringContaining("BEGIN") });
  });
});

describe("an invalid upstreams file", () => {
  it.each<[string, object, RegExp]>([
    ["no address", { baseUrl: undefined }, /row 1 \(\/api\): baseUrl is required: where requests go/],
    ["an empty list of addresses", { baseUrl: [] }, /baseUrl is required/],
    ["an address that is not a URL", { baseUrl: ["https://a.test", "orders"] }, /baseUrl\[2\] must be an http:/],
    ["an address with credentials", { baseUrl: "https://u:p@a.test" }, /baseUrl must not carry/],
    ["one address twice", { baseUrl: ["https://a.test", "https://a.test/"] }, /baseUrl has https:\/\/a\.test twice/],
    [
      "addresses with two paths",
      { baseUrl: ["https://a.test/v1", "https://b.test/v2"] },
      /Only host and port may diff/,
    ],
    ["addresses with two schemes", { baseUrl: ["https://a.test", "http://b.test"] }, /Only host and port may differ/],
    ["an unknown key", { timeout: 5 }, /timeout is not known\. Known are prefix, baseUrl/],
    ["a method that is not forwarded", { methods: ["GET", "TRACE"] }, /methods\[2\] must be one of GET, HEAD/],
    ["an unknown token mode", { token: "admin" }, /token must be user, none or client/],
    [
      "a role without a session",
      { token: "none", requiredRoles: ["a"] },
      /requiredRoles needs a session or an access token\. Set access/,
    ],
    ["an audience without a token", { token: "none", audience: "a" }, /audience says which token .* token is none/],
    ["a resource with a fragment", { resource: "https://a.test/#x" }, /resource must not carry a fragment/],
    ["scopes with two spaces", { scope: "a  b" }, /scope must be scopes separated/],
    ["a bearer among the headers", { headers: { Authorization: "Bearer x" } }, /headers\.Authorization may not be set/],
    ["a cookie among the headers", { headers: { cookie: "a=b" } }, /headers\.cookie may not be set here/],
    ["a host among the headers", { headers: { HOST: "evil.test" } }, /headers\.HOST may not be set here/],
    ["a hop-by-hop header", { headers: { "Transfer-Encoding": "chunked" } }, /headers\.Transfer-Encoding may not/],
    ["an identity of the browser", { headers: { "X-Forwarded-For": "1.2.3.4" } }, /headers\.X-Forwarded-For may not/],
    ["an underscore in a header", { headers: { x_a: "1" } }, /headers\.x_a is not a header name/],
    ["a header twice", { headers: { "X-A": "1", "x-a": "2" } }, /headers\.x-a is there twice/],
    ["a line break in a header", { headers: { "x-a": "1\r\nx-b: 2" } }, /headers\.x-a holds a line break/],
    ["a header from a missing file", { headers: { "x-a": { file: "/nowhere" } } }, /headers\.x-a names a file that/],
    ["one request header without a list", { requestHeaders: "x-a" }, /requestHeaders must be a list of header names/],
    ["an invalid request header name", { requestHeaders: ["x-a", "x a"] }, /requestHeaders\[2\] must be a header name/],
    [
      "a forwarding header from browsers",
      { requestHeaders: ["X-Forwarded-For"] },
      /may not list x-forwarded-for: it is/,
    ],
    ["the same in another spelling", { requestHeaders: ["x_forwarded.user"] }, /may not list x_forwarded\.user/],
    [
      "the bearer from browsers",
      { requestHeaders: ["authorization"] },
      /may not list authorization: it is the gateway/,
    ],
    [
      "a request header that the row sets itself",
      { requestHeaders: ["x-a"], headers: { "X-A": "1" } },
      /requestHeaders lists x-a, which headers sets/,
    ],
    ["a number in quotes", { maxBodyBytes: "1" }, /maxBodyBytes must be a whole number from 0 to \d+, without quotes/],
    ["a number that is not whole", { maxConnections: 1.5 }, /maxConnections must be a whole number/],
    ["a flag in quotes", { webSocket: "true" }, /webSocket must be true or false, without quotes/],
    ["roles that are not a list", { requiredRoles: "admin" }, /requiredRoles must be a list/],
    ["a time-out of 0", { connectTimeoutMs: 0 }, /connectTimeoutMs/],
    ["a breaker status below 500", { breakerStatuses: [404] }, /breakerStatuses\[1\]/],
    [
      "a missing CA file",
      { caFile: "/nowhere/ca.pem" },
      /caFile names a file that cannot be read \(ENOENT\)\. Mount it/,
    ],
    ["a CA for plain http", { baseUrl: "http://a.test", caFile: "x" }, /caFile is for https, but baseUrl begins with/],
    ["a WebSocket limit of 0", { maxWebSockets: 0 }, /maxWebSockets/],
    ["the removed key http2", { http2: false }, /http2 was removed because some truncated HTTP\/2 responses/],
    ["a prefix with an upper-case letter", { prefix: "/API" }, /prefix must be a lower-case path/],
    ["a prefix with a dot segment", { prefix: "/a/../b" }, /prefix must be a lower-case path/],
    ["a prefix with a final slash", { prefix: "/a/" }, /prefix must be a lower-case path/],
    [
      "a public row with the user's token",
      { access: "public", token: "user" },
      /token must be none with access public/,
    ],
    [
      "a public row with a client token",
      { access: "public", token: "client" },
      /token must be none with access public/,
    ],
    ["optional access with a client token", { access: "optional", token: "client" }, /token client needs a session/],
    ["two spellings that disagree", { access: "session", token: "optional" }, /token optional means access: optional/],
    ["no CSRF check with a session", { csrf: "none" }, /csrf may be none only with access public/],
    ["no CSRF check with optional access", { access: "optional", csrf: "none" }, /csrf may be none only with/],
    [
      "roles on a public row",
      { access: "public", requiredRoles: ["a"] },
      /requiredRoles needs a session or an access token\. Set access/,
    ],
    ...(["public", "optional"] as const).flatMap((access) =>
      Object.entries({
        requiredClaims: [{ claim: "tier", values: ["gold"] }],
        requiredAcr: ["2"],
        maxAuthenticationAgeSeconds: 60,
      }).map(([key, rule]): [string, object, RegExp] => [
        `${key} with ${access} access`,
        { access, [key]: rule },
        new RegExp(`${key} needs a session or an access token\\. Set access`),
      ]),
    ),
    ...(
      [
        ["claims that are not a list", { claim: "a", values: ["b"] }, /requiredClaims must be a list of rules/],
        ["a claim as text", ["a"], /requiredClaims\[1\] must be a rule such as/],
        ["a rule without a claim", [{ values: ["b"] }], /requiredClaims\[1\]\.claim must be a claim such as/],
        ["a rule without values", [{ claim: "a" }], /requiredClaims\[1\]\.values must be a list of values/],
        [
          "a rule with one value",
          [{ claim: "a", values: "b" }],
          /requiredClaims\[1\]\.values must be a list of values/,
        ],
        ["an empty list of values", [{ claim: "a", values: [] }], /\.values must list at least one value/],
        ["an object as value", [{ claim: "a", values: ["b", {}] }], /\.values\[2\] must be a text, a number, true/],
        ["null as value", [{ claim: "a", values: [null] }], /\.values\[1\] must be a text, a number, true/],
        ["an empty value", [{ claim: "a", values: [""] }], /\.values\[1\] must not be empty/],
        ["a value twice", [{ claim: "a", values: ["b", "b"] }], /\.values lists a value twice/],
        ["an unknown member", [{ claim: "a", values: ["b"], not: 1 }], /requiredClaims\.0\.not is not known/],
        ["a malformed path", [{ claim: "a..b", values: ["b"] }], /\[1\]\.claim names no claim: the path must be/],
        ["several paths", [{ claim: "a b", values: ["b"] }], /\.claim must name one claim\. Use one rule for each/],
        ["a claim about the token", [{ claim: "exp", values: [1] }], /\.claim names exp, which describes the token/],
        [
          "a rule twice",
          [
            { claim: "a", values: ["b", 1] },
            { claim: "/a", values: [1, "b"] },
          ],
          /requiredClaims\[2\] repeats rule 1/,
        ],
      ] as const
    ).map(([name, requiredClaims, message]): [string, object, RegExp] => [name, { requiredClaims }, message]),
    ["acr that is not a list", { requiredAcr: "2" }, /requiredAcr must be a list of values of the claim acr/],
    ["acr as number", { requiredAcr: [2] }, /requiredAcr\[1\] must be a value of the claim acr, in quotes/],
    ["no acr", { requiredAcr: [] }, /requiredAcr must list at least one value\. Remove it if none is required/],
    ["no roles", { requiredRoles: [] }, /requiredRoles must list at least one role\. Remove it if none is required/],
    [
      "no scopes",
      { requiredScopes: [] },
      /requiredScopes must list at least one scope\. Remove it if none is required/,
    ],
    ["no rules", { requiredClaims: [] }, /requiredClaims must list at least one rule\. Remove it if none is required/],
    ["an acr with a blank", { requiredAcr: ["2 3"] }, /requiredAcr\[1\] must be at most 128 letters/],
    ["an acr twice", { requiredAcr: ["2", "2"] }, /requiredAcr lists a value twice/],
    [
      "more acr than a login accepts",
      { requiredAcr: ["1", "2", "3", "4", "5", "6"] },
      /requiredAcr must list at most 5 values/,
    ],
    [
      "an age of 0",
      { maxAuthenticationAgeSeconds: 0 },
      /maxAuthenticationAgeSeconds must be a whole number of seconds/,
    ],
    [
      "an age in quotes",
      { maxAuthenticationAgeSeconds: "60" },
      /maxAuthenticationAgeSeconds must be .* without quotes/,
    ],
    ["scopes with optional access", { access: "optional", requiredScopes: ["a"] }, /requiredScopes needs a session/],
    ["a certificate without its key", { certFile: "/nowhere" }, /keyFile|certFile needs both/],
  ])("an invalid upstreams file is rejected for %s", (_case, change, message) => {
    expect(faultOf(change)).toMatch(message);
  });

  it("an upstreams row is rejected for a file without certificate or key, or with the key of another certificate", () => {
    const text = fileOf("text.pem", "hello");
    expect(faultOf({ caFile: text })).toMatch(/caFile holds no certificate in PEM form/);
    expect(faultOf({ caFile: keyFile })).toMatch(/caFile holds no certificate/);
    expect(faultOf({ certFile, keyFile: text })).toMatch(/keyFile holds no private key/);
    const foreign = fileOf("foreign.pem", authority.issue("other.test").key);
    expect(faultOf({ certFile, keyFile: foreign })).toMatch(/keyFile is not the private key of the certificate/);
  });

  it("an invalid upstreams file reports the errors of all rows at once, each with its row", () => {
    const { faults } = parse(
      { ...row, tokn: "user" },
      { prefix: "/api/x", baseUrl: "ftp://a.test", headers: { host: "a" } },
      { ...row, caFile: "/nowhere" },
      { prefix: "/bff/x", baseUrl: "http://a.test" },
      "nonsense",
    );
    const text = faults.join("\n");
    for (const expected of [
      /row 1 \(\/api\): tokn is not known/,
      /row 2 \(\/api\/x\): baseUrl must be an http/,
      /row 3 \(\/api\): prefix is also that of row 1/,
      /row 3 \(\/api\): caFile/,
      /row 4 \(\/bff\/x\): prefix must not be \/bff/,
      /row 5: the row/,
    ])
      expect(text).toMatch(expected);
  });

  it("an invalid upstreams file is reported without values, which may be secrets", () => {
    const broken = fileOf("broken.json", '[{"prefix":"/api","headers":{"x-api-key":"canary-secret"}');
    expect(parseUpstreams(undefined, broken).faults.join()).toMatch(/must hold JSON/);
    expect(parseUpstreams(undefined, broken).faults.join()).not.toMatch(/canary/);
    expect(faultOf({ headers: { "x-a": "canary-secret\n" } })).not.toMatch(/canary/);
  });
});

it.each([
  [{}, { access: "session", token: "user", csrf: "header" }],
  [{ access: "optional" }, { access: "optional", token: "user", csrf: "header" }],
  [{ access: "public" }, { access: "public", token: "none", csrf: "none" }],
  [
    { access: "public", csrf: "header" },
    { access: "public", token: "none", csrf: "header" },
  ],
  [
    { access: "session", token: "none" },
    { access: "session", token: "none", csrf: "header" },
  ],
  [{ token: "client" }, { access: "session", token: "client", csrf: "header" }],
  // Spellings of releases without `access`.
  [{ token: "optional" }, { access: "optional", token: "user", csrf: "header" }],
  [{ token: "none" }, { access: "public", token: "none", csrf: "header" }],
])("the row %j means %j", (keys, expected) => {
  const { upstreams, faults } = parse({ ...row, ...keys });
  expect(faults).toEqual([]);
  expect(upstreams[0]).toMatchObject(expected);
});
