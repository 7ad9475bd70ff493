// Userinfo at login (OIDC Core 1.0 §5.3): when it is requested, what of it is used, and what a failed request means. With
// the userinfo modules of the OpenID conformance suite by their ids.
import { mkdtempSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { generateKeyPair } from "jose";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import {
  startHostileProvider,
  unsigned,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

type Claims = Record<string, unknown>;
type Mode = "auto" | "always" | "off";

let provider: HostileProvider;
let withoutEndpoint: HostileProvider;
const gateways = new Map<string, TestGateway>();

beforeAll(async () => {
  const beside = (_request: IncomingMessage, response: { end(body: string): unknown }) => void response.end("{}");
  provider = await startHostileProvider({ userinfo: true, beside });
  withoutEndpoint = await startHostileProvider();
  const upstreams = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(
    upstreams,
    JSON.stringify([{ prefix: "/api", baseUrl: `${provider.issuer}/up`, requiredRoles: ["admin"] }]),
  );
  const common = { UPSTREAMS_FILE: upstreams, OIDC_ROLES_CLAIM: "groups", OIDC_TIMEOUT_SECONDS: "1" };
  for (const mode of ["auto", "always", "off"] as const)
    gateways.set(mode, await startGateway({ ...provider, env: { ...common, OIDC_USERINFO: mode } }));
  gateways.set("no endpoint", await startGateway({ ...withoutEndpoint, env: common }));
  gateways.set("always, no endpoint", await startGateway({ ...withoutEndpoint, env: { OIDC_USERINFO: "always" } }));
});
afterAll(async () => {
  for (const gateway of gateways.values()) await gateway.stop();
  await provider.stop();
  await withoutEndpoint.stop();
});
afterEach(() => {
  provider.overrides = {};
});

const complete = { name: "Alice", email: "alice@example.com", groups: ["user"] };

async function login(mode: string, overrides: Overrides, of: HostileProvider = provider) {
  const gateway = gateways.get(mode)!;
  of.overrides = overrides;
  const requestsBefore = of.counts.userinfo;
  const loggedBefore = gateway.log.length;
  const browser = testBrowser(gateway.origin);
  const response = await browser.login();
  const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: Claims | null };
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    user,
    api: user === null ? undefined : (await browser.fetch("/api/x")).status,
    requests: of.counts.userinfo - requestsBefore,
    log: gateway.log.slice(loggedBefore).join(""),
  };
}
const idToken = (claims: Claims): Pick<Overrides, "claims"> => ({ claims: (original) => ({ ...original, ...claims }) });
const userinfo = (claims: Claims): Pick<Overrides, "userinfo"> => ({ userinfo: () => ({ sub: "alice", ...claims }) });

describe("OIDC_USERINFO", () => {
  it.each<[string, Mode, Claims, number]>([
    ["auto: the ID token has everything", "auto", complete, 0],
    ["auto: without roles", "auto", { ...complete, groups: undefined }, 1],
    ["auto: roles are null", "auto", { ...complete, groups: null }, 1],
    ["auto: an empty list of roles is not a missing one", "auto", { ...complete, groups: [] }, 0],
    ["auto: without name, which the scope profile promises", "auto", { ...complete, name: undefined }, 1],
    ["auto: without email, which the scope email promises", "auto", { ...complete, email: undefined }, 1],
    ["auto: with nothing", "auto", {}, 1],
    ["always: the ID token has everything", "always", complete, 1],
    ["off: with nothing", "off", {}, 0],
  ])("userinfo is requested according to OIDC_USERINFO, %s", async (_name, mode, claims, requests) => {
    const result = await login(mode, { ...idToken(claims), ...userinfo({ groups: ["admin"] }) });
    expect([result.status, result.requests], result.log).toEqual([303, requests]);
  });

  it("OIDC_USERINFO=auto: a scope that was not granted causes no userinfo request", async () => {
    const token = (original: Claims) => ({ ...original, scope: "openid" });
    const { requests } = await login("auto", { ...idToken({ groups: [] }), token });
    expect(requests).toBe(0);
  });

  it("OIDC_USERINFO=auto: a provider without a userinfo endpoint is not an error", async () => {
    expect(await login("no endpoint", {}, withoutEndpoint)).toMatchObject({ status: 303, requests: 0 });
  });

  it("OIDC_USERINFO=always: a provider without a userinfo endpoint is a sentence in readiness, and logins fail", async () => {
    const sentence = /OIDC_USERINFO is always, and the provider has no userinfo endpoint/;
    expect(await gateways.get("always, no endpoint")!.readiness("provider")).toMatchObject({
      detail: expect.stringMatching(sentence),
    });
    const { status, log } = await login("always, no endpoint", {}, withoutEndpoint);
    expect([status, sentence.test(log)]).toEqual([400, true]);
  });
});

describe("a login with userinfo", () => {
  it("oidcc-client-test-userinfo-bearer-header: sends the access token in the Authorization header of a GET request", async () => {
    let seen: IncomingMessage | undefined;
    const { status } = await login("auto", {
      userinfo(original, request) {
        seen = request;
        return { ...original, groups: ["admin"] };
      },
    });
    expect(status).toBe(303);
    expect(seen?.method).toBe("GET");
    expect(seen?.headers.authorization).toMatch(/^Bearer access-/);
    expect(seen?.url).toBe("/userinfo");
  });

  it("oidcc-client-test-scope-userinfo-claims (Authelia, Okta, PingFederate): shows its claims, and its roles authorize requests", async () => {
    const { user, api } = await login("auto", userinfo({ name: "Alice", email: "a@e.com", groups: ["admin"] }));
    expect(user).toEqual({ sub: "alice", name: "Alice", email: "a@e.com", groups: ["admin"], roles: ["admin"] });
    expect(api).toBe(200);
  });

  it("userinfo takes precedence for a claim that is in both, and the other claims of the ID token are kept", async () => {
    const { user } = await login("always", {
      ...idToken({ ...complete, locale: "de" }),
      ...userinfo({ name: "Alice B.", groups: ["admin"], email: null }),
    });
    expect(user).toMatchObject({ name: "Alice B.", email: "alice@example.com", locale: "de", roles: ["admin"] });
  });

  it("claims about the login come from the ID token, not from userinfo", async () => {
    const gateway = gateways.get("always")!;
    const overrides = userinfo({
      iss: provider.issuer,
      aud: "cloakroom-test",
      acr: "9",
      sid: "other",
      auth_time: 1,
      exp: 1,
      iat: 1,
    });
    provider.overrides = { ...idToken(complete), ...overrides };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    const { user, session } = (await (await browser.fetch("/bff/user")).json()) as { user: Claims; session: Claims };
    expect(session["acr"]).toBe("1");
    expect(Date.parse(session["authTime"] as string)).toBeGreaterThan(Date.now() - 60_000);
    expect(Object.keys(user).toSorted()).toEqual(["email", "groups", "name", "roles", "sub"]);
  });

  it.each<[string, string]>([
    [
      "oidcc-client-test-aggregated-claims",
      '{"_claim_names":{"groups":"s"},"_claim_sources":{"s":{"JWT":"e30.e30.x"}}}',
    ],
    [
      "oidcc-client-test-distributed-claims",
      '{"_claim_names":{"groups":"s"},"_claim_sources":{"s":{"endpoint":"x","access_token":"secret"}}}',
    ],
    ["prototype names", '{"__proto__":{"groups":["admin"]},"constructor":{"prototype":{"x":1}}}'],
  ])("%s in userinfo are ignored", async (_name, claims) => {
    const { status, user, api } = await login("auto", {
      userinfo: async (_honest, _request, response) =>
        void response.setHeader("content-type", "application/json").end(claims.replace("{", '{"sub":"alice",')),
    });
    expect([status, api]).toEqual([303, 403]);
    expect(JSON.stringify(user)).not.toMatch(/_claim|secret|e30|__proto__/);
    expect(({} as { groups?: unknown }).groups).toBeUndefined();
  });
});

describe("a signed response", () => {
  const claims = { sub: "alice", groups: ["admin"] };
  const now = () => Math.floor(Date.now() / 1000);

  it.each<[string, () => Promise<string>]>([
    [
      "oidcc-client-test-userinfo-signed",
      () => provider.sign({ ...claims, iss: provider.issuer, aud: "cloakroom-test" }),
    ],
    ["userinfo-signed without iss and aud, which are recommended only", () => provider.sign(claims)],
    ["userinfo-signed with a list of audiences", () => provider.sign({ ...claims, aud: ["x", "cloakroom-test"] })],
  ])("a signed userinfo response: %s is used", async (_name, jwt) => {
    const { status, api, log } = await login("auto", { userinfo: jwt });
    expect([status, api], log).toEqual([303, 200]);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ["of another issuer", () => provider.sign({ ...claims, iss: `${provider.issuer}1` }), /userinfo rejected/],
    ["for another client", () => provider.sign({ ...claims, aud: "other" }), /userinfo rejected/],
    ["of another user", () => provider.sign({ ...claims, sub: "mallory" }), /its sub is not the sub of the ID token/],
    ["that has expired", () => provider.sign({ ...claims, exp: now() - 600 }), /userinfo rejected/],
    [
      "of an unknown key",
      async () => provider.sign(claims, {}, (await generateKeyPair("RS256")).privateKey),
      /userinfo rejected/,
    ],
    ["of an unknown kid", () => provider.sign(claims, { kid: "none" }), /userinfo rejected/],
    [
      "with an unknown critical header",
      () => provider.sign(claims, { crit: ["x"], x: 1 }).catch(() => "a.b.c"),
      /userinfo rejected/,
    ],
    ["that is no JWT", async () => "hello", /userinfo rejected/],
  ])("%s rejects the login", { timeout: 30_000 }, async (_name, jwt, reason) => {
    for (const mode of ["auto", "always"]) {
      const { status, user, log } = await login(mode, { userinfo: jwt });
      expect([status, user], log).toEqual([400, null]);
      expect(log).toMatch(reason);
    }
  });

  it.each<[string, () => Promise<string>]>([
    ["without a signature (alg none)", async () => unsigned("none")(await provider.sign(claims))],
    [
      "with another algorithm",
      () => provider.sign(claims, { alg: "ES256", kid: provider.es256.kid }, provider.es256.privateKey),
    ],
    ["with a symmetric algorithm", async () => unsigned("HS256")(await provider.sign(claims))],
    ["that is encrypted", async () => "a.b.c.d.e"],
  ])("%s is not used, and the log has a sentence", async (_name, jwt) => {
    const { status, log } = await login("always", { userinfo: jwt });
    expect(status).toBe(400);
    expect(log).toMatch(/the userinfo endpoint cannot be used: .*(OIDC_ID_TOKEN_ALG|encrypted).*OIDC_USERINFO=off/);
    const { api } = await login("auto", { userinfo: jwt });
    expect(api).toBe(403);
  });
});

describe("userinfo of another user", () => {
  it.each<[string, Claims]>([
    ["oidcc-client-test-userinfo-invalid-sub", { sub: "aliceinvalid" }],
    ["another spelling of sub", { sub: "Alice" }],
    ["no sub", { sub: undefined }],
    ["an empty sub", { sub: "" }],
    ["a sub that is a list", { sub: ["alice"] }],
    ["sub null", { sub: null }],
  ])("userinfo of another user rejects the login: %s", async (_name, claims) => {
    for (const mode of ["auto", "always"]) {
      const { status, user, log } = await login(mode, {
        ...idToken({ ...complete, name: undefined }),
        ...userinfo(claims),
      });
      expect([status, user], log).toEqual([400, null]);
      expect(log).toContain("userinfo rejected");
    }
  });
});

type Raw = NonNullable<Overrides["userinfo"]>;
const respond =
  (status: number, headers: Record<string, string>, body: string | Buffer): Raw =>
  (_honest, _request, response) =>
    void response.writeHead(status, headers).end(body);
const JSON_TYPE = { "content-type": "application/json" };
const CLAIMS = '{"sub":"alice","groups":["admin"]}';

describe("an outage of userinfo", () => {
  const outages: [string, Raw][] = [
    ["503", respond(503, {}, "")],
    ["500 with HTML", respond(500, { "content-type": "text/html" }, "<html>")],
    ["502 with a challenge", respond(502, { "www-authenticate": "Bearer" }, "")],
    ["429", respond(429, {}, "")],
    ["half-sent JSON", respond(200, JSON_TYPE, CLAIMS.slice(0, 10))],
    [
      "a body that ends early",
      (_h, _r, response) =>
        void response.writeHead(200, { ...JSON_TYPE, "content-length": "99" }).write("{", () => response.destroy()),
    ],
    ["a reset connection", (_h, _r, response) => void response.destroy()],
    ["no response in time", () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1_500))],
  ];

  it.each(outages)(
    "an outage of userinfo, %s: a login that lacks roles responds 503 without a session",
    async (_name, raw) => {
      const { status, retryAfter, user, log } = await login("auto", { userinfo: raw });
      expect([status, user], log).toEqual([503, null]);
      expect(Number(retryAfter)).toBeGreaterThan(0);
      expect(log).toContain("the userinfo endpoint does not respond as expected");
    },
  );

  it("a login whose ID token has roles continues", async () => {
    const { status, user } = await login("auto", { ...idToken({ groups: ["user"] }), userinfo: respond(503, {}, "") });
    expect([status, user?.["roles"]]).toEqual([303, ["user"]]);
  });

  it("an outage of userinfo with OIDC_USERINFO=always: a login responds 503", async () => {
    const { status } = await login("always", { ...idToken(complete), userinfo: respond(503, {}, "") });
    expect(status).toBe(503);
  });
});

describe("an error of the userinfo endpoint (RFC 6750 §3.1, decision 0036)", () => {
  it.each<[string, number, number, RegExp | undefined]>([
    ["insufficient_scope", 403, 303, /userinfo endpoint rejects the access token.*OIDC_SCOPE/],
    ["invalid_dpop_proof", 401, 303, /DPoP proof/],
    ["use_dpop_nonce", 401, 303, /DPoP nonce/],
    ["invalid_token", 401, 303, undefined],
    ["invalid_request", 400, 303, undefined],
    ["a_code_without_a_row", 400, 303, undefined],
    ["temporarily_unavailable", 403, 503, undefined],
    ["server_error", 400, 503, undefined],
    ["slow_down", 400, 503, undefined],
    ["insufficient_scope", 503, 503, undefined],
  ])("userinfo error %s with status %i: a login responds %i", async (error, status, expected, sentence) => {
    const gateway = gateways.get("auto")!;
    await gateway.readiness("provider");
    const challenge = { "www-authenticate": `Bearer error="${error}", error_description="no-such-secret"` };
    const result = await login("auto", { userinfo: respond(status, challenge, "") });
    expect(result.status, result.log).toBe(expected);
    const { status: state, detail = "" } = await gateway.readiness("provider");
    expect(state).toBe(sentence === undefined ? "ok" : "degraded");
    if (sentence !== undefined) expect([detail, result.log]).toEqual(Array(2).fill(expect.stringMatching(sentence)));
    expect(result.log + detail).not.toContain("no-such-secret");
    expect((await login("auto", userinfo({ groups: ["admin"] }))).api).toBe(200);
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
  });
});

describe("userinfo that cannot be used", () => {
  const unusable: [string, Raw, RegExp][] = [
    ["401", respond(401, { "www-authenticate": 'Bearer error="invalid_token"' }, ""), /responds 401/],
    ["401 without a challenge", respond(401, {}, ""), /responds 401/],
    [
      "403 insufficient_scope",
      respond(403, { "www-authenticate": 'Bearer error="insufficient_scope"' }, ""),
      /responds 403/,
    ],
    ["404", respond(404, {}, ""), /responds 404/],
    ["a redirect", respond(302, { location: "https://elsewhere.test/" }, ""), /responds 302/],
    ["204", respond(204, {}, ""), /responds 204/],
    ["HTML", respond(200, { "content-type": "text/html" }, "<html>"), /neither application\/json nor application\/jwt/],
    ["no content type", respond(200, {}, CLAIMS), /neither application\/json nor application\/jwt/],
    ["a list of content types", respond(200, { "content-type": "text/html, application/json" }, CLAIMS), /neither/],
    [
      "100 kB",
      respond(200, JSON_TYPE, JSON.stringify({ sub: "alice", x: "x".repeat(100_000) })),
      /more than 65536 bytes/,
    ],
    [
      "2 MB that were compressed",
      respond(200, { ...JSON_TYPE, "content-encoding": "gzip" }, gzipSync(Buffer.alloc(2_000_000, 32))),
      /exceeds the limit/,
    ],
  ];

  it.each(unusable)(
    "userinfo that cannot be used (%s) rejects the login with a sentence if OIDC_USERINFO=always",
    async (_name, raw, reason) => {
      const { status, user, log } = await login("always", { ...idToken(complete), userinfo: raw });
      expect([status, user], log).toEqual([400, null]);
      expect(log).toMatch(reason);
    },
  );

  it.each(unusable)(
    "userinfo that cannot be used (%s) is ignored if OIDC_USERINFO=auto: the login continues with the claims of the ID token",
    async (_name, raw) => {
      const { status, user } = await login("auto", { ...idToken({ name: "Alice" }), userinfo: raw });
      expect([status, user]).toEqual([303, { sub: "alice", name: "Alice", roles: [] }]);
    },
  );

  it("userinfo that is ignored is logged with the cure at most once per minute", () => {
    const lines = gateways.get("auto")!.log.filter((line) => line.includes("userinfo ignored, logins continue"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/OIDC_USERINFO=off|does not respond/);
  });

  it.each([["application/json; charset=utf-8"], ["APPLICATION/JSON"], ["application/json ;charset=UTF-8"]])(
    "userinfo with the content type %s is used",
    async (type) => {
      const { api } = await login("auto", { userinfo: respond(200, { "content-type": type }, CLAIMS) });
      expect(api).toBe(200);
    },
  );
});
