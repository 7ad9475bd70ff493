// Rows with `access: bearer`: access tokens that a client brings, through real sockets, validated with the keys of the
// embedded provider. One table of tokens that must be rejected, each wrong in one point.
import { createHmac, createPublicKey, hash, X509Certificate } from "node:crypto";
import { base64url, exportJWK, generateKeyPair, SignJWT, type JWK } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";

import { rawRequest } from "./raw-request.ts";

type Members = Record<string, unknown>;

const AUDIENCE = "https://orders.example";
let system: TestSystem;
/** The provider's public key, as its JWKS publishes it. */
let published: JWK;
const foreign = await generateKeyPair("RS256", { extractable: true });
const authority = testAuthority();

const bearer = { audience: AUDIENCE };
beforeAll(async () => {
  system = await startTestSystem({
    upstreams: (baseUrl) => [
      { prefix: "/api", baseUrl },
      { prefix: "/strict", baseUrl, access: "bearer", bearer },
      { prefix: "/lax", baseUrl, access: "bearer", bearer: { ...bearer, typ: "optional" } },
      { prefix: "/both", baseUrl, access: "session-or-bearer", bearer },
      { prefix: "/clients", baseUrl, access: "bearer", bearer: { clientIds: ["robot"] } },
      { prefix: "/lax-clients", baseUrl, access: "bearer", bearer: { clientIds: ["robot"], typ: "optional" } },
      { prefix: "/own-client", baseUrl, access: "bearer", bearer: { audience: "cloakroom", typ: "optional" } },
      { prefix: "/rs512", baseUrl, access: "bearer", bearer: { ...bearer, algorithms: ["RS512"] } },
      { prefix: "/admin", baseUrl, access: "bearer", bearer, requiredRoles: ["admin", "owner"] },
      { prefix: "/scoped", baseUrl, access: "bearer", bearer, requiredScopes: ["orders:read", "orders:write"] },
      { prefix: "/hidden", baseUrl, access: "bearer", bearer, token: "none" },
      { prefix: "/own", baseUrl, access: "bearer", bearer, token: "client" },
    ],
  });
  const { keys } = (await (await fetch(`${system.provider.issuer}/jwks`)).json()) as { keys: JWK[] };
  published = keys[0]!;
});
afterAll(async () => {
  await system.stop();
});
beforeEach(() => {
  system.received.length = 0;
});

const now = () => Math.floor(Date.now() / 1000);
const honest = (): Members => ({
  iss: system.provider.issuer,
  sub: "robot",
  client_id: "robot",
  aud: AUDIENCE,
  iat: now() - 1,
  exp: now() + 300,
  jti: crypto.randomUUID(),
  scope: "orders:read",
});
const tokenOf = (claims: Members = {}, header: Members = {}): Promise<string> =>
  system.provider.sign({ ...honest(), ...claims }, { typ: "at+jwt", ...header });
const encode = (value: unknown): string => base64url.encode(JSON.stringify(value));

/** @param authorization several values become several headers */
async function send(path: string, authorization?: string | string[], headers: [string, string][] = []) {
  const { origin } = system.gateway;
  const list = [authorization ?? []].flat().map((value): [string, string] => ["authorization", value]);
  return rawRequest(`${origin}${path}`, [...list, ...headers]);
}

/** The reason in the log line of the last rejected token. */
const lastReason = () => String(system.gateway.events("access_token_rejected").at(-1)?.["reason"]);

describe("an access token", () => {
  it.each<[string, string, Members, Members?]>([
    ["of RFC 9068", "/strict", {}],
    ["whose typ is written as a media type, in any case", "/strict", {}, { typ: "Application/AT+JWT" }],
    ["that names several audiences", "/strict", { aud: ["https://other.example", AUDIENCE] }],
    ["without jti and client_id", "/strict", { jti: undefined, client_id: undefined }],
    ["that has just expired, within the clock skew", "/strict", { exp: now() - 10 }],
    ["issued a moment ahead of our clock", "/strict", { iat: now() + 10, nbf: now() + 10 }],
    ["that describes itself as a bearer token (Keycloak)", "/lax", { typ: "Bearer", nonce: "x" }, { typ: "JWT" }],
    ["without typ, where it is optional", "/lax", {}, { typ: undefined }],
    ["with typ JWT, where it is optional", "/lax", {}, { typ: "JWT" }],
    ["of Amazon Cognito", "/clients", { aud: undefined, token_use: "access" }],
    ["whose client is named by azp", "/clients", { client_id: undefined, azp: "robot" }],
    ["whose audience is our own client, with a scope", "/own-client", { aud: "cloakroom" }, { typ: "JWT" }],
  ])("%s is accepted, and forwarded as it is", async (_name, path, claims, header) => {
    const token = await tokenOf(claims, header);
    const { status, headers } = await send(`${path}/x`, `Bearer ${token}`);
    expect([status, system.gateway.log.at(-1)]).toEqual([200, expect.anything()]);
    expect(system.received).toMatchObject([{ authorization: `Bearer ${token}`, cookie: undefined, dpop: "" }]);
    expect(headers["set-cookie"]).toBeUndefined();
  });

  it("an access token needs no X-CSRF, Origin or Fetch Metadata", async () => {
    const token = await tokenOf();
    const crossSite: [string, string][] = [
      ["sec-fetch-site", "cross-site"],
      ["origin", "https://partner.example"],
    ];
    expect((await send("/strict/x", `Bearer ${token}`, crossSite)).status).toBe(200);
    expect((await send("/both/x", `Bearer ${token}`, crossSite)).status).toBe(200);
  });

  it("an access token is accepted with the scheme in any case and several blanks", async () => {
    const token = await tokenOf();
    expect((await send("/strict/x", `bearer   ${token}`)).status).toBe(200);
    expect((await send("/strict/x", `BEARER ${token}`)).status).toBe(200);
  });
});

type Bad = [name: string, make: () => string | Promise<string>, reason: RegExp, path?: string];

const jwtBy =
  (key: Parameters<SignJWT["sign"]>[0], header: Members, claims: Members = {}) =>
  async (): Promise<string> =>
    new SignJWT({ ...honest(), ...claims }).setProtectedHeader({ alg: "RS256", typ: "at+jwt", ...header }).sign(key);
const changed =
  (claims: Members, header: Members = {}) =>
  () =>
    tokenOf(claims, header);
const broken = (change: (parts: [string, string, string]) => string[]) => async () =>
  change((await tokenOf()).split(".") as [string, string, string]).join(".");
const hmac = (secret: string | Buffer) => () => {
  const input = `${encode({ alg: "HS256", typ: "at+jwt", kid: published.kid })}.${encode(honest())}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
};
const spki = () => createPublicKey({ key: { ...published }, format: "jwk" }).export({ type: "spki", format: "pem" });

const ALGORITHM: Bad[] = [
  ["alg none", () => `${encode({ alg: "none", typ: "at+jwt" })}.${encode(honest())}.`, /algorithm/],
  ["alg None", () => `${encode({ alg: "None", typ: "at+jwt" })}.${encode(honest())}.`, /algorithm/],
  [
    "alg none with a signature",
    broken(([, body, signature]) => [encode({ alg: "none" }), body, signature]),
    /algorithm/,
  ],
  ["HS256 with the public key as PEM", () => hmac(spki())(), /algorithm/],
  ["HS256 with the modulus", () => hmac(Buffer.from(published.n ?? "", "base64url"))(), /algorithm/],
  ["HS256 with the JWK as text", () => hmac(JSON.stringify(published))(), /algorithm/],
  ["HS256 with an empty secret", () => hmac("")(), /algorithm/],
  ["HS256 with the client secret", () => hmac("a-client-secret-of-the-tests")(), /algorithm/],
  ["an algorithm that the row does not list", changed({}), /algorithm/, "/rs512"],
  [
    "alg in lower case",
    broken(([, body, signature]) => [encode({ alg: "rs256", typ: "at+jwt" }), body, signature]),
    /algorithm/,
  ],
  [
    "alg is a list",
    broken(([, body, signature]) => [encode({ alg: ["RS256"], typ: "at+jwt" }), body, signature]),
    /not a JWT/,
  ],
  ["no alg", broken(([, body, signature]) => [encode({ typ: "at+jwt" }), body, signature]), /not a JWT/],
];
const KEYS: Bad[] = [
  [
    "a foreign key with the provider's kid",
    () => jwtBy(foreign.privateKey, { alg: "RS256", kid: published.kid })(),
    /signature/,
  ],
  [
    "a foreign key that the token embeds (jwk)",
    async () =>
      jwtBy(foreign.privateKey, { alg: "RS256", kid: published.kid, jwk: await exportJWK(foreign.publicKey) })(),
    /signature/,
  ],
  [
    "a foreign key at a URL (jku)",
    () => jwtBy(foreign.privateKey, { alg: "RS256", kid: published.kid, jku: "https://attacker.test/jwks" })(),
    /signature/,
  ],
  [
    "a foreign key in a certificate (x5u)",
    () => jwtBy(foreign.privateKey, { alg: "RS256", kid: published.kid, x5u: "https://attacker.test/cert" })(),
    /signature/,
  ],
  [
    "a foreign key in a certificate (x5c)",
    () =>
      jwtBy(foreign.privateKey, {
        alg: "RS256",
        kid: published.kid,
        x5c: [new X509Certificate(authority.issue("a.test").cert).raw.toString("base64")],
      })(),
    /signature/,
  ],
];
const SIGNATURE: Bad[] = [
  ["without its signature", broken(([head, body]) => [head, body, ""]), /signature/],
  [
    "with one bit of the signature changed",
    broken(([head, body, signature]) => [head, body, `${signature.slice(0, -5)}AAAAA`]),
    /signature/,
  ],
  [
    "with the signature of another token",
    async () => `${(await tokenOf()).split(".").slice(0, 2).join(".")}.${(await tokenOf({ sub: "x" })).split(".")[2]}`,
    /signature/,
  ],
  [
    "with changed claims",
    broken(([head, , signature]) => [head, encode({ ...honest(), sub: "admin" }), signature]),
    /signature/,
  ],
  [
    "with a changed header",
    broken(([, body, signature]) => [
      encode({ alg: "RS256", typ: "at+jwt", kid: published.kid, x: 1 }),
      body,
      signature,
    ]),
    /signature/,
  ],
  ["with two signatures", broken(([head, body, signature]) => [head, body, signature, signature]), /not a JWT/],
  ["with two parts", broken(([head, body]) => [head, body]), /not a JWT/],
  ["with five parts (JWE)", broken((parts) => [...parts, "x", "y"]), /not a JWT/],
  [
    "with crit",
    broken(([, body, signature]) => [
      encode({ alg: "RS256", typ: "at+jwt", crit: ["exp"], exp: 1, kid: published.kid }),
      body,
      signature,
    ]),
    /crit/,
  ],
  [
    "with crit for an extension that jose knows",
    async () =>
      new SignJWT(honest())
        .setProtectedHeader({ alg: "RS256", typ: "at+jwt", crit: ["b64"], b64: true, kid: published.kid! })
        .sign(foreign.privateKey),
    /crit/,
  ],
];
const TYPE: Bad[] = [
  ["with typ JWT", changed({}, { typ: "JWT" }), /typ is JWT, not at\+jwt.*bearer\.typ/],
  ["without typ", changed({}, { typ: undefined }), /typ is missing/],
  ["with an empty typ", changed({}, { typ: "" }), /another token type/],
  ["that is a logout token", () => system.provider.logoutToken({ ...honest() }), /another token type/],
  [
    "that is a logout token, where typ is optional",
    () => system.provider.logoutToken({ ...honest() }),
    /another token type/,
    "/lax",
  ],
  [
    "that is a logout token with typ JWT",
    () => system.provider.logoutToken({ ...honest() }, { typ: "JWT" }),
    /events/,
    "/lax",
  ],
  ["that is a DPoP proof", changed({}, { typ: "dpop+jwt" }), /another token type/, "/lax"],
  ["that is a signed request", changed({}, { typ: "oauth-authz-req+jwt" }), /another token type/, "/lax"],
  ["that is a security event", changed({}, { typ: "secevent+jwt" }), /another token type/, "/lax"],
  ["that is an introspection response", changed({}, { typ: "token-introspection+jwt" }), /another token type/, "/lax"],
  ["that is an ID token with nonce", changed({ nonce: "n" }, { typ: "JWT" }), /nonce/, "/lax"],
  ["that is an ID token with at_hash", changed({ at_hash: "h" }, { typ: "JWT" }), /at_hash/, "/lax"],
  ["that is an ID token with c_hash", changed({ c_hash: "h" }, { typ: undefined }), /c_hash/, "/lax"],
  ["that is an ID token of Keycloak", changed({ typ: "ID" }, { typ: "JWT" }), /claim typ/, "/lax"],
  ["that is a refresh token of Keycloak", changed({ typ: "Refresh" }, { typ: "JWT" }), /claim typ/, "/lax"],
  ["that is an offline token of Keycloak", changed({ typ: "Offline" }, { typ: "JWT" }), /claim typ/, "/lax"],
  ["that is a logout token of Keycloak", changed({ typ: "Logout" }, { typ: "JWT" }), /claim typ/, "/lax"],
  ["that calls itself an ID token, with the typ of an access token", changed({ typ: "ID" }), /claim typ/],
  ["that is an ID token of Amazon Cognito", changed({ token_use: "id" }, { typ: undefined }), /token_use/, "/lax"],
  ["that is a refresh token by its token_use", changed({ token_use: "refresh_token" }), /token_use/],
  [
    "that is a renewed ID token, without nonce and at_hash",
    changed({ aud: "cloakroom", scope: undefined, client_id: undefined }, { typ: "JWT" }),
    /may be an ID token/,
    "/own-client",
  ],
  [
    "that is a renewed ID token of a client whose id is the audience",
    changed({ aud: AUDIENCE, azp: AUDIENCE, client_id: undefined, scope: undefined }, { typ: "JWT" }),
    /may be an ID token/,
    "/lax",
  ],
  [
    "that is a renewed ID token of a client that the row accepts",
    changed({ aud: "robot", azp: "robot", client_id: undefined, scope: undefined }, { typ: "JWT" }),
    /may be an ID token/,
    "/lax-clients",
  ],
  [
    "that is a renewed ID token with several audiences",
    changed({ aud: ["cloakroom", "x"], scope: undefined, client_id: undefined }, { typ: "JWT" }),
    /may be an ID token/,
    "/own-client",
  ],
];
const CLAIMS: Bad[] = [
  ["of another issuer", changed({ iss: "https://attacker.test" }), /another issuer/],
  ["of the issuer with a slash", () => tokenOf({ iss: `${system.provider.issuer}/` }), /another issuer/],
  ["of the issuer in upper case", () => tokenOf({ iss: system.provider.issuer.toUpperCase() }), /another issuer/],
  ["whose issuer is a list", () => tokenOf({ iss: [system.provider.issuer] }), /another issuer/],
  ["without issuer", changed({ iss: undefined }), /another issuer/],
  ["for another audience", changed({ aud: "https://payments.example" }), /audience/],
  ["for an audience that begins with ours", changed({ aud: `${AUDIENCE}/v2` }), /audience/],
  ["for our audience in another case", changed({ aud: "https://Orders.example" }), /audience/],
  ["for several other audiences", changed({ aud: ["a", "b"] }), /audience/],
  ["without audience", changed({ aud: undefined }), /aud is missing/],
  ["for an empty list of audiences", changed({ aud: [] }), /audience/],
  ["whose audience is nested", changed({ aud: [[AUDIENCE]] }), /audience/],
  ["whose audience is an object", changed({ aud: { [AUDIENCE]: true } }), /audience/],
  ["of another client", changed({ client_id: "cloakroom" }), /client is not in/, "/clients"],
  ["of no client", changed({ client_id: undefined }), /client_id and azp are missing/, "/clients"],
  ["that has expired", () => tokenOf({ exp: now() - 31 }), /has expired/],
  ["that expired in 1970", changed({ exp: 0 }), /has expired/],
  ["without exp", changed({ exp: undefined }), /exp is missing/],
  ["whose exp is a text", () => tokenOf({ exp: String(now() + 300) }), /exp is missing/],
  ["whose exp is null", changed({ exp: null }), /exp is missing/],
  ["that is not valid yet", () => tokenOf({ nbf: now() + 60 }), /nbf is in the future/],
  ["whose nbf is a text", changed({ nbf: "0" }), /nbf is not a number/],
  ["issued in the future", () => tokenOf({ iat: now() + 60 }), /iat is in the future/],
  ["whose iat is a text", changed({ iat: "0" }), /iat is not a number/],
  ["without subject", changed({ sub: undefined }), /sub is missing/],
  ["with an empty subject", changed({ sub: "" }), /sub is missing/],
  ["whose subject is a number", changed({ sub: 1 }), /sub is missing/],
  ["with a subject of 256 characters", changed({ sub: "x".repeat(256) }), /sub is missing, empty or too long/],
];
const BINDING: Bad[] = [
  ["bound to a DPoP key, sent as Bearer", changed({ cnf: { jkt: hash("sha256", "key", "base64url") } }), /DPoP key/],
  [
    "bound to a client certificate",
    changed({ cnf: { "x5t#S256": hash("sha256", "cert", "base64url") } }),
    /client certificate/,
  ],
  [
    "bound to a certificate and a key",
    changed({ cnf: { jkt: hash("sha256", "key", "base64url"), "x5t#S256": "x" } }),
    /client certificate/,
  ],
  ["bound by a method that is not known", changed({ cnf: { jwk: { kty: "EC" } } }), /not supported/],
  ["bound to nothing", changed({ cnf: {} }), /cnf\.jkt is missing/],
  ["whose cnf is a text", changed({ cnf: "key" }), /cnf is not an object/],
  ["whose cnf is null", changed({ cnf: null }), /cnf is not an object/],
  ["whose cnf is a list", changed({ cnf: [] }), /cnf is not an object/],
  ["whose jkt is a number", changed({ cnf: { jkt: 1 } }), /cnf\.jkt is missing/],
  ["whose jkt is too short", changed({ cnf: { jkt: "x" } }), /cnf\.jkt is missing/],
];
const FORM: Bad[] = [
  ["that is a word", () => "token", /not a JWT/],
  ["of dots", () => "a..b", /not a JWT/],
  ["whose header is no JSON", broken(([, body, signature]) => ["e30x", body, signature]), /not a JWT/],
  ["whose claims are no JSON", broken(([head, , signature]) => [head, "e30x", signature]), /not a JWT/],
  ["whose claims are a list", broken(([head, , signature]) => [head, encode([]), signature]), /not a JWT/],
  ["with quotes", async () => `"${await tokenOf()}"`, /characters/],
  ["with a comma", async () => `${await tokenOf()},x`, /characters/],
  ["followed by another one", async () => `${await tokenOf()} ${await tokenOf()}`, /characters/],
  ["with a parameter", async () => `token=${await tokenOf()}`, /characters|not a JWT/],
  ["with umlauts", () => "t\u00f6ken", /characters/],
  ["longer than 8192 characters", () => tokenOf({ padding: "x".repeat(8_192) }), /longer than the limit/],
  ["padded with =", async () => `${await tokenOf()}=`, /not a JWT|characters/],
];

describe.each([
  ["algorithm", ALGORITHM],
  ["key", KEYS],
  ["signature", SIGNATURE],
  ["type", TYPE],
  ["claims", CLAIMS],
  ["binding", BINDING],
  ["form", FORM],
])("an access token with a wrong %s", (_kind, rows) => {
  it.each(rows)("%s: is rejected with 401 invalid_token", async (_name, make, reason, path = "/strict") => {
    const token = await make();
    const { status, challenges, body, headers } = await send(`${path}/x`, `Bearer ${token}`);
    expect([status, body["code"]]).toEqual([401, "invalid_token"]);
    expect(lastReason()).toMatch(reason);
    expect(challenges).toEqual([
      `Bearer realm="${path}", error="invalid_token"`,
      expect.stringMatching(/^DPoP realm="\/[\w-]+", error="invalid_token", algs="RS256 .*Ed25519"$/),
    ]);
    expect(headers["content-type"]).toMatch(/problem\+json/);
    expect([body["loginUrl"], headers["set-cookie"], headers["cache-control"]]).toEqual([
      undefined,
      undefined,
      "no-store",
    ]);
    expect(system.received).toEqual([]);
    if (token.length > 20) expect(system.gateway.log.join("")).not.toContain(token);
  });
});

describe("a rejected token", () => {
  it("a rejected token causes a request for keys only if all other rules accept it", async () => {
    system.provider.resetCounts();
    for (const [, make, , path = "/strict"] of [...ALGORITHM, ...TYPE, ...CLAIMS, ...BINDING, ...FORM])
      await send(`${path}/x`, `Bearer ${await make()}`);
    expect(system.provider.count("jwks")).toBe(0);
  });
});

describe("the header Authorization", () => {
  const valid = async () => `Bearer ${await tokenOf()}`;
  const several = { status: 400, code: "request_malformed", error: ', error="invalid_request"' };
  const missing = { status: 401, code: "token_missing", error: "" };
  const invalid = { status: 401, code: "invalid_token", error: ', error="invalid_token"' };
  it.each<[string, string, () => Promise<string | string[] | undefined>, typeof several]>([
    ["none", "/strict", async () => undefined, missing],
    ["an empty one", "/strict", async () => "", missing],
    ["Basic", "/strict", async () => "Basic dXNlcjpwYXNz", missing],
    ["Negotiate", "/strict", async () => "Negotiate abc", missing],
    ["only the scheme", "/strict", async () => "Bearer", missing],
    ["the scheme and blanks", "/strict", async () => "Bearer   ", missing],
    ["a token without scheme", "/strict", tokenOf, missing],
    ["a scheme that begins with Bearer", "/strict", async () => `BearerX ${await tokenOf()}`, missing],
    ["the scheme of a prototype member", "/strict", async () => `constructor ${await tokenOf()}`, missing],
    ["a tab for the blank", "/strict", async () => `Bearer\t${await tokenOf()}`, missing],
    ["two valid ones", "/strict", async () => [await valid(), await valid()], several],
    ["a valid one and Basic", "/strict", async () => [await valid(), "Basic dXNlcjpwYXNz"], several],
    ["a valid one and an empty one", "/strict", async () => [await valid(), ""], several],
    ["an empty one and a valid one", "/strict", async () => ["", await valid()], several],
    ["two in one line", "/strict", async () => `${await valid()}, ${await valid()}`, invalid],
    ["an empty one where a session counts too", "/both", async () => "", missing],
    ["Basic where a session counts too", "/both", async () => "Basic dXNlcjpwYXNz", missing],
    ["two where a session counts too", "/both", async () => [await valid(), await valid()], several],
  ])("%s on %s is rejected", async (_name, path, authorization, { status, code, error }) => {
    const response = await send(`${path}/x`, await authorization());
    expect([response.status, response.body["code"]]).toEqual([status, code]);
    expect(response.challenges[0]).toBe(`Bearer realm="${path}"${error}`);
    expect(response.body["loginUrl"]).toBeUndefined();
    expect(system.received).toEqual([]);
  });

  it.each(["?access_token=", "?a=b&access_token=", "?%61ccess_token=", "?access%5ftoken="])(
    "a token in the query (%s) is rejected, also beside a valid header",
    async (query) => {
      const token = await tokenOf();
      for (const authorization of [undefined, `Bearer ${token}`]) {
        const { status, body, challenges } = await send(`/strict/x${query}${token}`, authorization);
        expect([status, body["code"]]).toEqual([400, "request_malformed"]);
        expect(challenges[0]).toContain('error="invalid_request"');
      }
      expect(system.received).toEqual([]);
      expect(system.gateway.log.join("")).not.toContain(token);
    },
  );

  it("a token in a form body is not read", async () => {
    const response = await fetch(`${system.gateway.origin}/strict/x`, {
      method: "POST",
      body: new URLSearchParams({ access_token: await tokenOf() }),
    });
    expect(response.status).toBe(401);
    expect(system.received).toEqual([]);
  });

  it("the header Authorization of a browser does not reach the upstream of a session row", async () => {
    const browser = system.browser();
    await browser.login();
    const token = await tokenOf();
    const response = await browser.fetch("/api/x", { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(200);
    expect(system.received[0]?.authorization).toMatch(/^Bearer /);
    expect(system.received[0]?.authorization).not.toContain(token);
  });
});

describe("a row with session-or-bearer", () => {
  it("a row with session-or-bearer uses the session without the header Authorization, with its CSRF check", async () => {
    const browser = system.browser();
    await browser.login();
    expect((await browser.fetch("/both/x")).status).toBe(200);
    expect(system.received[0]?.authorization).toMatch(/^Bearer /);
    expect((await browser.fetch("/both/x", { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(403);
  });

  it.each<[string, () => Promise<string>]>([
    ["an expired token", async () => `Bearer ${await tokenOf({ exp: now() - 60 })}`],
    ["Basic", async () => "Basic dXNlcjpwYXNz"],
    ["an empty header", async () => ""],
  ])("a row with session-or-bearer does not fall back to the session with %s", async (_name, authorization) => {
    const browser = system.browser();
    await browser.login();
    const response = await browser.fetch("/both/x", { headers: { authorization: await authorization() } });
    expect(response.status).toBe(401);
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(system.received).toEqual([]);
    expect((await browser.fetch("/both/x")).status).toBe(200);
  });

  it("a row with session-or-bearer ignores the session of a request with a valid token", async () => {
    const browser = system.browser();
    await browser.login();
    const token = await tokenOf();
    expect((await browser.fetch("/both/x", { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect(system.received).toMatchObject([{ authorization: `Bearer ${token}`, cookie: undefined }]);
  });

  it("a row with session-or-bearer responds with the login URL to a request without header and session", async () => {
    const response = await fetch(`${system.gateway.origin}/both/x`, {
      headers: { "x-csrf": "1", "sec-fetch-site": "same-origin" },
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "session_missing", loginUrl: "/bff/login" });
  });
});

describe("permissions of an access token", () => {
  it.each<[string, string, Members, number]>([
    ["one of requiredRoles", "/admin", { roles: ["owner"] }, 200],
    ["no role", "/admin", {}, 403],
    ["another role", "/admin", { roles: ["guest"] }, 403],
    ["a role that contains one of them", "/admin", { roles: ["administrator"] }, 403],
    ["all of requiredScopes", "/scoped", { scope: "orders:write orders:read" }, 200],
    ["all of requiredScopes as scp", "/scoped", { scope: undefined, scp: ["orders:write", "orders:read"] }, 200],
    ["one of requiredScopes", "/scoped", { scope: "orders:read" }, 403],
    ["no scope", "/scoped", { scope: undefined }, 403],
    ["scopes that contain them", "/scoped", { scope: "orders:read2 orders:write" }, 403],
    ["a scope of another type", "/scoped", { scope: { "orders:read": true, "orders:write": true } }, 403],
  ])("%s: %s", async (_name, path, claims, expected) => {
    const { status, body, challenges } = await send(`${path}/x`, `Bearer ${await tokenOf(claims)}`);
    expect(status).toBe(expected);
    if (expected === 200) return;
    expect(body).toMatchObject({ code: "insufficient_scope" });
    expect(body["loginUrl"]).toBeUndefined();
    const scope = path === "/scoped" ? ', scope="orders:read orders:write"' : "";
    expect(challenges[0]).toBe(`Bearer realm="${path}", error="insufficient_scope"${scope}`);
    expect(system.received).toEqual([]);
  });
});

describe("the upstream of a bearer row", () => {
  it("the upstream of a bearer row receives no token with token: none", async () => {
    expect((await send("/hidden/x", `Bearer ${await tokenOf()}`)).status).toBe(200);
    expect(system.received).toMatchObject([{ authorization: undefined }]);
  });

  it("the upstream of a bearer row receives the gateway's own token with token: client", async () => {
    const token = await tokenOf();
    expect((await send("/own/x", `Bearer ${token}`)).status).toBe(200);
    expect(system.received[0]?.authorization).toMatch(/^Bearer /);
    expect(system.received[0]?.authorization).not.toContain(token);
  });
});

describe("a token of the provider itself", () => {
  it("a token of the provider itself from the client credentials grant is accepted for its audience", async () => {
    const response = await fetch(`${system.provider.issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("cloakroom:a-client-secret-of-the-tests")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource: AUDIENCE }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    expect((await send("/strict/x", `Bearer ${token}`)).status).toBe(200);
  });

  it("a token of the provider itself is logged by a hash of its holder, and counted", async () => {
    const { status } = await send("/strict/x", `Bearer ${await tokenOf({ sub: "a-subject-in-no-log" })}`);
    expect(status).toBe(200);
    const line = JSON.parse(system.gateway.log.at(-1) ?? "") as Members;
    expect(line["holder"]).toBe(
      hash("sha256", JSON.stringify([system.provider.issuer, "a-subject-in-no-log"]), "base64url"),
    );
    expect(system.gateway.log.join("")).not.toContain("a-subject-in-no-log");
  });
});
