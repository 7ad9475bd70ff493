// K11: what a token response says is checked on every grant. Tokens that are no bearer tokens are never sent, and no
// lifetime makes every request a refresh or overflows in the store.
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
/** The bearers that the upstream received. */
const bearers: (string | undefined)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider({
    beside(request, response) {
      bearers.push(request.headers.authorization);
      response.end("{}");
    },
  });
});
afterAll(async () => {
  await provider.stop();
  await redis.stop();
});
beforeEach(async () => {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  const baseUrl = `${provider.issuer}/up`;
  const rows = [
    { prefix: "/api", baseUrl },
    { prefix: "/api/own", baseUrl, token: "client" },
    { prefix: "/api/exchanged", baseUrl, audience: "other" },
  ];
  writeFileSync(file, JSON.stringify(rows));
  provider.lies = {};
  bearers.length = 0;
  // The breaker and the cached tokens are of this gateway alone.
  gateway = await startGateway({ ...provider, redisUrl: redis.url, env: { UPSTREAMS_FILE: file } });
  return () => gateway.stop();
});

const answering = (members: Members) => (honest: Members) => ({ ...honest, ...members });
async function loggedIn(token?: (honest: Members) => Members): Promise<TestBrowser> {
  provider.lies = token === undefined ? {} : { token };
  const browser = testBrowser(gateway.origin);
  expect((await browser.login()).status, gateway.log.join("")).toBe(303);
  return browser;
}
const isLoggedIn = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;
const jwt = (claims: Members) =>
  ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");

describe("tokens that cannot be used as bearer tokens", () => {
  const bad: [string, (honest: Members) => Members][] = [
    ["token_type DPoP", answering({ token_type: "DPoP" })],
    ["token_type dpop", answering({ token_type: "dpop" })],
    ["token_type mac", answering({ token_type: "mac" })],
    ["token_type N_A", answering({ token_type: "N_A" })],
    ["token_type Bearer and a blank", answering({ token_type: "Bearer " })],
    ["token_type Bearer, DPoP", answering({ token_type: "Bearer, DPoP" })],
    ["an empty token_type", answering({ token_type: "" })],
    ["no token_type", without("token_type")],
    ["token_type null", answering({ token_type: null })],
    ["token_type 1", answering({ token_type: 1 })],
    ["token_type as a list", answering({ token_type: ["Bearer"] })],
    ["a key's thumbprint in the token (DPoP)", answering({ access_token: jwt({ cnf: { jkt: "x" } }) })],
    ["a certificate's hash in the token", answering({ access_token: jwt({ cnf: { "x5t#S256": "x" } }) })],
    ["a key in the token", answering({ access_token: jwt({ cnf: { jwk: { kty: "EC" } } }) })],
    ["a key's id in the token", answering({ access_token: jwt({ cnf: { kid: "x" } }) })],
    ["an access token with a line end", answering({ access_token: "a\r\nX-Admin: 1" })],
    ["an access token beyond ASCII", answering({ access_token: "tökén" })],
    ["an access token with NUL", answering({ access_token: "a\0b" })],
    ["an empty access token", answering({ access_token: "" })],
    ["an access token of 40 kB", answering({ access_token: "x".repeat(40_000) })],
    ["a refresh token of 40 kB", answering({ refresh_token: "x".repeat(40_000) })],
    ["an ID token of 400 kB", answering({ id_token: "x".repeat(400_000) })],
    ["a scope of 10 kB", answering({ scope: "x".repeat(10_000) })],
  ];
  const ofOwnToken = bad.filter(([name]) => !/refresh token|ID token/.test(name));

  it.each(bad)("are refused at login, without a session: %s", async (_name, token) => {
    provider.lies = { token };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(400);
    expect(await isLoggedIn(browser)).toBe(false);
    expect(gateway.log.join("")).toContain("the provider's token response was refused");
  });

  it.each(bad)("are refused at a refresh, and the session recovers: %s", async (_name, token) => {
    const browser = await loggedIn(answering({ expires_in: 0 }));
    provider.lies = { token: (honest) => token({ ...honest, refresh_token: "the-successor" }) };
    const refused = await browser.fetch("/api/x");
    expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([503, true]);
    expect(refused.headers.getSetCookie()).toEqual([]);
    expect(bearers).toEqual([]);
    expect(await isLoggedIn(browser)).toBe(true);
    expect(gateway.log.join("")).toContain("the provider's token response was refused");

    provider.lies = {};
    expect((await browser.fetch("/api/x")).status).toBe(200);
    // I4: the first refresh token is spent. Its successor is used, unless that cannot be stored.
    const spent = provider.lastTokenRequest().body.get("refresh_token");
    if (_name !== "a refresh token of 40 kB") expect(spent).toBe("the-successor");
  });

  it("do not make every request of every session a refresh", async () => {
    const browsers = [];
    for (let n = 0; n < 5; n++) browsers.push(await loggedIn(answering({ expires_in: 0 })));
    provider.lies = { token: answering({ token_type: "DPoP" }) };
    const before = provider.counts.token;
    const startedMs = performance.now();
    for (let round = 0; round < 10; round++)
      for (const browser of browsers) expect((await browser.fetch("/api/x")).status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(provider.counts.token - before).toBeLessThanOrEqual(3 + Math.ceil(seconds));
  });

  it.each(ofOwnToken)("are refused where the gateway asks for its own: %s", async (_name, token) => {
    const browser = await loggedIn();
    provider.lies = { token };
    expect((await browser.fetch("/api/own/x")).status).toBe(503);
    expect(bearers).toEqual([]);
  });

  it.each(ofOwnToken)("are refused at a token exchange: %s", async (_name, token) => {
    const browser = await loggedIn();
    provider.lies = { token };
    expect((await browser.fetch("/api/exchanged/x")).status).toBe(503);
    expect(bearers).toEqual([]);
    expect(await isLoggedIn(browser)).toBe(true);
  });

  it.each([["Bearer"], ["bearer"], ["BEARER"], ["bEaReR"]])("are not those of token_type %s", async (type) => {
    const browser = await loggedIn(answering({ token_type: type, expires_in: 0 }));
    provider.lies = { token: answering({ token_type: type }) };
    for (const target of ["/api/x", "/api/own/x", "/api/exchanged/x"])
      expect((await browser.fetch(target)).status, target).toBe(200);
    expect(bearers).toEqual(bearers.map(() => expect.stringMatching(/^Bearer /)));
  });
});

describe("an optional member that is null counts as absent", () => {
  it.each(["expires_in", "refresh_token", "scope", "refresh_expires_in"])("%s", async (name) => {
    const browser = await loggedIn(answering({ [name]: null }));
    expect((await browser.fetch("/api/x")).status).toBe(200);
  });
});

describe("lifetimes", () => {
  const lifetimes: [string, unknown][] = [
    ["0", 0],
    ["-0", -0],
    ['"0"', "0"],
    ["-1", -1],
    ["a millisecond", 0.001],
    ["1e-300", 1e-300],
    ["1e308", 1e308],
    ["2^53", 2 ** 53],
    ["-1e308", -1e308],
    ["the year 2527 in milliseconds", 17_580_000_000_000],
    ["300.5", 300.5],
    ['"300"', "300"],
    ['"-1"', "-1"],
    ['"1e308"', "1e308"],
    ['"Infinity"', "Infinity"],
    ['"NaN"', "NaN"],
    ['"soon"', "soon"],
    ["an empty text", ""],
    ["true", true],
    ["a list", [300]],
    ["an object", {}],
    ["null", null],
  ];

  it.each(lifetimes)("expires_in %s: at most one refresh, and no request is refused", async (_name, value) => {
    const browser = await loggedIn(answering({ expires_in: value }));
    const before = provider.counts.token;
    for (let n = 0; n < 8; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
    for (let n = 0; n < 8; n++) expect((await browser.fetch("/api/own/x")).status).toBe(200);
    for (let n = 0; n < 8; n++) expect((await browser.fetch("/api/exchanged/x")).status).toBe(200);
    // One refresh, one token of the gateway's own, one exchange.
    expect(provider.counts.token - before).toBeLessThanOrEqual(3);
  });

  it.each(lifetimes)("expires_in %s without a refresh token: the login is good for a while", async (_name, value) => {
    const browser = await loggedIn(answering({ expires_in: value, refresh_token: undefined }));
    for (let n = 0; n < 3; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it.each(lifetimes)("refresh_expires_in %s: the session is stored, and renewed once", async (_name, value) => {
    // What is shorter than the test is the provider's word.
    if (typeof value === "number" && value > 0 && value < 1) return;
    const token = answering({ refresh_expires_in: value, expires_in: 0 });
    const browser = await loggedIn(token);
    const before = provider.counts.token;
    for (let n = 0; n < 4; n++) expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(provider.counts.token - before).toBeLessThanOrEqual(1);
    expect(await isLoggedIn(browser)).toBe(true);
  });
});
