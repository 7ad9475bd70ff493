// Hostile metadata, keys, bodies and claims of the provider. Each is used, ignored or rejected with a reason; none
// causes a 500.
import type { JWK } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { checkedMetadata } from "../../src/provider/provider-metadata.ts";
import { sessionFromClaims } from "../../src/auth/session-from-claims.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  startHostileProvider,
  without,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";

let provider: HostileProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startHostileProvider();
});
afterAll(() => provider.stop());
afterEach(() => gateway.stop());

async function start(overrides: (original: HostileProvider) => Overrides) {
  provider.overrides = overrides(provider);
  provider.counts.token = 0;
  gateway = await startGateway(provider);
  return testBrowser(gateway.origin);
}
const logs = () => gateway.log.join("");

const UNUSABLE: [string, (original: string) => unknown][] = [
  ["javascript:", () => "javascript:alert(1)"],
  ["data:", () => "data:text/html,x"],
  ["file:", () => "file:///etc/passwd"],
  ["ftp:", () => "ftp://127.0.0.1/x"],
  ["user and password", (url) => url.replace("//", "//user:secret@")],
  ["a fragment", (url) => `${url}#x`],
  ["an empty fragment", (url) => `${url}#`],
  ["a relative URL", () => "/token"],
  ["3,000 characters", (url) => `${url}?${"x".repeat(3_000)}`],
  ["an empty string", () => ""],
  ["a number", () => 1],
  ["a list", (url) => [url]],
  ["null", () => null],
];

describe("discovery document", () => {
  const required = ["authorization_endpoint", "token_endpoint", "jwks_uri"];
  const cases = required.flatMap((name) => UNUSABLE.map(([what, change]) => [name, what, change] as const));
  it.each(cases)("a discovery document is rejected when %s is %s", async (name, _what, change) => {
    const browser = await start(({ issuer }) => ({
      metadata: (original) => ({ ...original, [name]: change(`${issuer}/x`) }),
    }));
    const response = await browser.navigate("/bff/login");
    expect([response.status, response.headers.get("location")]).toEqual([503, null]);
    expect(logs()).toContain(name);
    expect(logs()).not.toContain("user:secret");
    expect(provider.counts.token).toBe(0);
  });

  const optional = ["pushed_authorization_request_endpoint", "revocation_endpoint", "end_session_endpoint"];
  const others = optional.flatMap((name) => UNUSABLE.map(([what, change]) => [name, what, change] as const));
  it.each(others)("a provider whose %s is %s is used without that endpoint", async (name, _what, change) => {
    const browser = await start(({ issuer }) => ({
      metadata: (original) => ({ ...original, [name]: change(`${issuer}/x`) }),
    }));
    expect((await browser.login()).status).toBe(303);
    const response = await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { location: string }).location).toMatch(/^http:\/\/localhost:\d+\//);
    expect(logs().includes(`ignored: ${name}`)).toBe(change("") !== null);
  });

  it.each([
    ["grant_types_supported", "client_credentials"],
    ["grant_types_supported", null],
    ["token_endpoint_auth_methods_supported", "client_secret_post"],
    ["token_endpoint_auth_methods_supported", null],
    ["token_endpoint_auth_methods_supported", { includes: 1 }],
  ])("a discovery document is used when %s is %s", async (name, value) => {
    const browser = await start(() => ({ metadata: (original) => ({ ...original, [name]: value }) }));
    expect((await browser.login()).status).toBe(303);
  });

  it.each(["authorization_endpoint", "token_endpoint", "jwks_uri"])(
    "a discovery document of an https issuer is rejected with an http %s",
    async (name) => {
      await start(() => ({}));
      const issuer = "https://id.example.com";
      const original = {
        issuer,
        authorization_endpoint: `${issuer}/a`,
        token_endpoint: `${issuer}/t`,
        jwks_uri: `${issuer}/j`,
      };
      expect(checkedMetadata(original, issuer).ignored).toEqual([]);
      expect(() => checkedMetadata({ ...original, [name]: "http://id.example.com/x" }, issuer)).toThrow(name);
      const { metadata, ignored } = checkedMetadata(
        { ...original, end_session_endpoint: "http://id.example.com/x" },
        issuer,
      );
      expect([metadata.end_session_endpoint, ignored]).toEqual([undefined, ["end_session_endpoint"]]);
    },
  );
});

const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const raw = (path: string, body: string | Buffer, type = "application/json"): Overrides => ({
  raw(pathname, response) {
    if (pathname !== path) return false;
    response.writeHead(200, { "content-type": type }).end(body);
    return true;
  },
});

describe("unusual response bodies", () => {
  const original = JSON.stringify({ access_token: "a", token_type: "Bearer", expires_in: 60, refresh_token: "r" });
  const inside = (more: string) => original.replace("{", `{${more},`);
  it.each<[string, string | Buffer]>([
    ["empty", ""],
    ["an HTML page", "<html><script>alert(1)</script></html>"],
    ["null", "null"],
    ["a list", `[${original}]`],
    ["a string", '"x"'],
    ["two documents", `${original}\n${original}`],
    ["truncated JSON", original.slice(0, 20)],
    ["UTF-16", Buffer.from(original, "utf16le")],
    ["not UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ["nested 500,000 levels deep", deep(500_000)],
    ["a member nested 100,000 levels deep", inside(`"x":${deep(100_000)}`)],
    ["100,000 members", inside(Array.from({ length: 60_000 }, (_, n) => `"m${n}":1`).join(","))],
    ["__proto__", inside('"__proto__":{"access_token":"b","token_type":"DPoP"}')],
    ["a repeated token_type", inside('"token_type":"DPoP"')],
  ])("a token response is rejected without a session: %s", async (_what, body) => {
    const browser = await start(() => raw("/token", body));
    // None of them has an ID token.
    expect([400, 503]).toContain((await browser.login()).status);
    expect(await (await browser.fetch("/bff/user")).json()).toEqual({ user: null, session: null });
    expect(logs()).not.toContain("alert(1)");
    for (const name of ["discovery", "keys"] as const) {
      const path = name === "keys" ? "/jwks" : "/.well-known/openid-configuration";
      await gateway.stop();
      const other = await start(() => raw(path, body));
      const status = await other.login().then(
        (response) => response.status,
        () => 503,
      );
      expect([400, 503], name).toContain(status);
    }
  });

  it.each<[string, (body: string) => string | Buffer, string]>([
    [
      "a byte order mark",
      (body) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(body)]),
      "application/json",
    ],
    ["another content type", (body) => body, "text/html"],
    ["surrounding white space", (body) => `\r\n\t ${body} \n`, "application/json;charset=UTF-8"],
  ])("a discovery document is accepted: %s", async (_what, change, type) => {
    const browser = await start(({ issuer }) => {
      const document = {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
      };
      return raw("/.well-known/openid-configuration", change(JSON.stringify(document)), type);
    });
    expect((await browser.login()).status).toBe(303);
  });
});

/** 2,048 bits, odd. */
const FOREIGN_MODULUS = Buffer.alloc(256, 0xff).toString("base64url");

describe("published keys", () => {
  it.each<[string, (original: JWK[]) => unknown[], number]>([
    [
      "among 500 others",
      (keys) => [...Array.from({ length: 500 }, (_, n) => ({ ...keys[0]!, kid: `other-${n}` })), ...keys],
      303,
    ],
    ["with an empty one", (keys) => [{}, ...keys], 303],
    ["with one of an unknown type", (keys) => [{ kty: "XYZ", kid: "x" }, ...keys], 303],
    [
      "with a symmetric one of the same kid",
      (keys) => [{ kty: "oct", k: "AAAA", kid: "key-1", alg: "HS256" }, ...keys],
      303,
    ],
    [
      "10,000 of them, above the limit",
      (keys) => Array.from({ length: 10_000 }, (_, n) => ({ ...keys[0]!, kid: `other-${n}` })),
      503,
    ],
    ["the same one twice", (keys) => [...keys, ...keys], 303],
    ["after another key of the same kid", (keys) => [{ ...keys[0]!, n: FOREIGN_MODULUS }, ...keys], 303],
    [
      "after 20 other keys of the same kid",
      (keys) => [...Array<JWK>(20).fill({ ...keys[0]!, n: FOREIGN_MODULUS }), ...keys],
      400,
    ],
    ["only other keys of the same kid", (keys) => Array<JWK>(2).fill({ ...keys[0]!, n: FOREIGN_MODULUS }), 400],
    ["with null", (keys) => [null, ...keys], 503],
    ["none", () => [], 400],
    ["private ones", (keys) => keys.map((key) => ({ ...key, d: "AQAB" })), 503],
    ["with a modulus of 8 bits", (keys) => keys.map((key) => ({ ...key, n: "AQ" })), 503],
  ])(
    "%s: the login is %s",
    async (_what, change, status) => {
      const browser = await start(() => ({ jwks: (keys) => change(keys) as JWK[] }));
      const response = await browser.login();
      expect([400, 503].includes(status) ? [400, 503] : [status]).toContain(response.status);
    },
    30_000,
  );
});

describe("claims of an ID token", () => {
  const login = async (claims: Overrides["claims"]) => {
    const browser = await start(() => ({ claims: claims! }));
    const { status } = await browser.login();
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: Record<string, unknown> | null };
    return { status, user };
  };
  it.each<[string, Record<string, unknown>]>([
    ["__proto__", JSON.parse('{"__proto__":{"isAdmin":true}}') as Record<string, unknown>],
    ["constructor and prototype", { constructor: { prototype: { isAdmin: true } } }],
    ["nested 1,000 levels deep", { nested: JSON.parse(deep(1_000)) as unknown }],
    ["400 roles", { realm_access: { roles: Array.from({ length: 400 }, (_, n) => `role-${n}`) } }],
    ["roles of every type", { realm_access: { roles: [1, null, {}, ["x"], "user"] } }],
    ["times outside the range of Date", { auth_time: 1e308, exp: 8e15 }],
    ["NUL, bidi and lone surrogate characters", { name: "a\0\u202eb\ud800" }],
    ["a claim with an empty name", { "": "x" }],
  ])("do not prevent a login: %s", async (_what, claims) => {
    const { status, user } = await login(
      (original) => Object.assign(Object.create(null) as object, original, claims) as Record<string, unknown>,
    );
    expect(status, logs()).toBe(303);
    expect(user).not.toBeNull();
    expect(Object.hasOwn(user!, "__proto__")).toBe(false);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>]>([
    ["a subject of 300 characters", { sub: "x".repeat(300) }],
    ["a subject that is an object", { sub: { toString: "alice" } }],
    ["times as strings", { iat: "1", exp: "9999999999" }],
    ["claims of 200 kB", { padding: "x".repeat(200_000) }],
    ["1,000 audiences", { aud: Array.from({ length: 1_000 }, (_, n) => `client-${n}`) }],
  ])("prevent a login: %s", async (_what, claims) => {
    const { status, user } = await login((original) => ({ ...original, ...claims }));
    expect([status, user]).toEqual([400, null]);
  });

  it("claims of an ID token are dropped from the session if serializing them would overflow the stack", () => {
    const claims = { iss: "i", sub: "s", iat: 1, nested: JSON.parse(deep(50_000)) as unknown, flat: [[["x"]]] };
    const session = sessionFromClaims(claims, { rolePaths: [], nowMs: 0 });
    expect(session.user).toEqual({ sub: "s", flat: [[["x"]]], roles: [] });
    expect(() => JSON.stringify(session)).not.toThrow();
  });

  it("claims of an ID token may be absent if they are optional", async () => {
    const { status } = await login(without("auth_time", "acr", "sid", "at_hash"));
    expect(status).toBe(303);
  });
});
