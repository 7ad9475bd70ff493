// Validation of token responses on every grant. Tokens that are not bearer tokens are never sent, and no lifetime makes
// every request a refresh or overflows in the store. The tests share one gateway.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, without, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

type Members = Record<string, unknown>;

let provider: HostileProvider;
let redis: TestRedis;
let gateway: TestGateway;
let loggedBefore = 0;
/** Authorization headers that the upstream received. */
const bearers: (string | undefined)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider({
    beside(request, response) {
      bearers.push(request.headers.authorization);
      response.end("{}");
    },
  });
  gateway = await start();
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
  await redis.stop();
});
beforeEach(() => {
  provider.overrides = {};
  bearers.length = 0;
  loggedBefore = gateway.log.length;
});

/** Upstream rows with a target of their own: the gateway caches its own token per target, so each test takes new ones. */
const OWN_TARGETS = 120;
let usedTargets = 0;
function newOwnPath(): string {
  if (usedTargets === OWN_TARGETS) throw new Error("too few upstream rows for the gateway's own tokens");
  return `/api/own/${usedTargets++}/x`;
}

async function start(): Promise<TestGateway> {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  const baseUrl = `${provider.issuer}/up`;
  const own = Array.from({ length: OWN_TARGETS }, (_, n) => ({
    ...{ prefix: `/api/own/${n}`, baseUrl, token: "client", resource: `https://api.test/${n}` },
  }));
  const rows = [{ prefix: "/api", baseUrl }, { prefix: "/api/exchanged", baseUrl, audience: "other" }, ...own];
  writeFileSync(file, JSON.stringify(rows));
  return startGateway({ ...provider, redisUrl: redis.url, env: { UPSTREAMS_FILE: file } });
}

const logged = () => gateway.log.slice(loggedBefore).join("");
const changed = (members: Members) => (original: Members) => ({ ...original, ...members });
async function loggedIn(token?: (original: Members) => Members, at = gateway): Promise<TestBrowser> {
  provider.overrides = token === undefined ? {} : { token };
  const browser = testBrowser(at.origin);
  expect((await browser.login()).status, at.log.join("")).toBe(303);
  return browser;
}
const isLoggedIn = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;
const jwt = (claims: Members) =>
  ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");

describe("a token response with", () => {
  const unusable: [string, (original: Members) => Members][] = [
    ["token_type DPoP", changed({ token_type: "DPoP" })],
    ["token_type dpop", changed({ token_type: "dpop" })],
    ["token_type mac", changed({ token_type: "mac" })],
    ["token_type N_A", changed({ token_type: "N_A" })],
    ["token_type Bearer with a trailing space", changed({ token_type: "Bearer " })],
    ["token_type Bearer, DPoP", changed({ token_type: "Bearer, DPoP" })],
    ["an empty token_type", changed({ token_type: "" })],
    ["no token_type", without("token_type")],
    ["token_type null", changed({ token_type: null })],
    ["token_type 1", changed({ token_type: 1 })],
    ["token_type as a list", changed({ token_type: ["Bearer"] })],
    ["a DPoP-bound access token (cnf.jkt)", changed({ access_token: jwt({ cnf: { jkt: "x" } }) })],
    ["a certificate-bound access token (cnf.x5t#S256)", changed({ access_token: jwt({ cnf: { "x5t#S256": "x" } }) })],
    ["an access token bound to a key (cnf.jwk)", changed({ access_token: jwt({ cnf: { jwk: { kty: "EC" } } }) })],
    ["an access token bound to a key id (cnf.kid)", changed({ access_token: jwt({ cnf: { kid: "x" } }) })],
    ["an access token with a line break", changed({ access_token: "a\r\nX-Admin: 1" })],
    ["an access token with non-ASCII characters", changed({ access_token: "tökén" })],
    ["an access token with NUL", changed({ access_token: "a\0b" })],
    ["an empty access token", changed({ access_token: "" })],
    ["an access token of 40 kB", changed({ access_token: "x".repeat(40_000) })],
    ["a refresh token of 40 kB", changed({ refresh_token: "x".repeat(40_000) })],
    ["an ID token of 400 kB", changed({ id_token: "x".repeat(400_000) })],
    ["a scope of 10 kB", changed({ scope: "x".repeat(10_000) })],
  ];
  const unusableAccessToken = unusable.filter(([name]) => !/refresh token|ID token/.test(name));

  it.each(unusable)("a token response with %s fails a login (400) without a session", async (_name, token) => {
    provider.overrides = { token };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(400);
    expect(await isLoggedIn(browser)).toBe(false);
    expect(logged()).toContain("the provider's token response was rejected");
  });

  it.each(unusable)(
    "a token response with %s fails a refresh (503), and the session recovers with the new refresh token",
    async (name, token) => {
      const browser = await loggedIn(changed({ expires_in: 0 }));
      provider.overrides = { token: (original) => token({ ...original, refresh_token: "refresh-successor" }) };
      const rejected = await browser.fetch("/api/x");
      expect([rejected.status, Number(rejected.headers.get("retry-after")) > 0]).toEqual([503, true]);
      expect(rejected.headers.getSetCookie()).toEqual([]);
      expect(bearers).toEqual([]);
      expect(await isLoggedIn(browser)).toBe(true);
      expect(logged()).toContain("the provider's token response was rejected");

      provider.overrides = {};
      expect((await browser.fetch("/api/x")).status).toBe(200);
      // I4: the first refresh token is spent. Its successor is used, unless it is too long to be stored.
      const spent = provider.lastTokenRequest().body.get("refresh_token");
      if (name !== "a refresh token of 40 kB") expect(spent).toBe("refresh-successor");
    },
  );

  it("token_type DPoP does not cause a refresh per request (circuit breaker)", async () => {
    // A gateway of its own, because its circuit stays open.
    const own = await start();
    const browsers = [];
    for (let n = 0; n < 5; n++) browsers.push(await loggedIn(changed({ expires_in: 0 }), own));
    provider.overrides = { token: changed({ token_type: "DPoP" }) };
    const before = provider.counts.token;
    const startedMs = performance.now();
    for (let round = 0; round < 10; round++)
      for (const browser of browsers) expect((await browser.fetch("/api/x")).status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(provider.counts.token - before).toBeLessThanOrEqual(3 + Math.ceil(seconds));
    await own.stop();
  });

  it.each(unusableAccessToken)(
    "a token response with %s is not used as the gateway's own token (503)",
    async (_name, token) => {
      const browser = await loggedIn();
      // A success closes the circuit, which all targets share.
      expect((await browser.fetch(newOwnPath())).status).toBe(200);
      provider.overrides = { token };
      bearers.length = 0;
      const before = provider.counts.token;
      expect((await browser.fetch(newOwnPath())).status).toBe(503);
      expect(provider.counts.token - before).toBe(1);
      expect(bearers).toEqual([]);
    },
  );

  it.each(unusableAccessToken)(
    "a token response with %s is not used as an exchanged token (503)",
    async (_name, token) => {
      // A success closes the circuit, which all users share.
      expect((await (await loggedIn()).fetch("/api/exchanged/x")).status).toBe(200);
      const browser = await loggedIn();
      provider.overrides = { token };
      bearers.length = 0;
      const before = provider.counts.token;
      expect((await browser.fetch("/api/exchanged/x")).status).toBe(503);
      expect(provider.counts.token - before).toBe(1);
      expect(bearers).toEqual([]);
      expect(await isLoggedIn(browser)).toBe(true);
    },
  );

  it.each([["Bearer"], ["bearer"], ["BEARER"], ["bEaReR"]])(
    "token_type %s is accepted on every grant",
    async (type) => {
      const browser = await loggedIn(changed({ token_type: type, expires_in: 0 }));
      provider.overrides = { token: changed({ token_type: type }) };
      for (const target of ["/api/x", newOwnPath(), "/api/exchanged/x"])
        expect((await browser.fetch(target)).status, target).toBe(200);
      expect(bearers).toEqual(bearers.map(() => expect.stringMatching(/^Bearer /)));
    },
  );
});

describe("an optional member that is null", () => {
  it.each(["expires_in", "refresh_token", "scope", "refresh_expires_in"])(
    "a null %s in a token response is treated as absent",
    async (name) => {
      const browser = await loggedIn(changed({ [name]: null }));
      expect((await browser.fetch("/api/x")).status).toBe(200);
    },
  );
});

describe("token lifetimes", () => {
  const lifetimes: [string, unknown][] = [
    ["0", 0],
    ["-0", -0],
    ['"0"', "0"],
    ["-1", -1],
    ["0.001", 0.001],
    ["1e-300", 1e-300],
    ["1e308", 1e308],
    ["2^53", 2 ** 53],
    ["-1e308", -1e308],
    ["17580000000000 (a time in milliseconds)", 17_580_000_000_000],
    ["300.5", 300.5],
    ['"300"', "300"],
    ['"-1"', "-1"],
    ['"1e308"', "1e308"],
    ['"Infinity"', "Infinity"],
    ['"NaN"', "NaN"],
    ['"soon"', "soon"],
    ["an empty string", ""],
    ["true", true],
    ["a list", [300]],
    ["an object", {}],
    ["null", null],
  ];

  it.each(lifetimes)(
    "expires_in %s causes at most one token request per grant, and no request fails",
    async (_name, value) => {
      const browser = await loggedIn(changed({ expires_in: value }));
      const ownPath = newOwnPath();
      const before = provider.counts.token;
      for (let n = 0; n < 8; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
      for (let n = 0; n < 8; n++) expect((await browser.fetch(ownPath)).status).toBe(200);
      for (let n = 0; n < 8; n++) expect((await browser.fetch("/api/exchanged/x")).status).toBe(200);
      // One refresh, one client credentials grant, one token exchange.
      expect(provider.counts.token - before).toBeLessThanOrEqual(3);
    },
  );

  it.each(lifetimes)("a session without a refresh token is usable with expires_in %s", async (_name, value) => {
    const browser = await loggedIn(changed({ expires_in: value, refresh_token: undefined }));
    for (let n = 0; n < 3; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it.each(lifetimes)("refresh_expires_in %s: the session is stored and refreshed once", async (_name, value) => {
    // A shorter lifetime than the test takes ends the session, as the provider says.
    if (typeof value === "number" && value > 0 && value < 1) return;
    const token = changed({ refresh_expires_in: value, expires_in: 0 });
    const browser = await loggedIn(token);
    const before = provider.counts.token;
    for (let n = 0; n < 4; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.counts.token - before).toBeLessThanOrEqual(1);
    expect(await isLoggedIn(browser)).toBe(true);
  });
});
