// DPoP at the provider (RFC 9449): one key per session, proofs at login and refresh, nonces, and what token responses must
// say. The provider violates the protocol in one point per row.
import type { ServerResponse } from "node:http";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  startHostileProvider,
  without,
  type HostileProvider,
  type TokenRequest,
} from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

type Members = Record<string, unknown>;
type Mode = "off" | "dpop";

let provider: HostileProvider;
let redis: TestRedis;
/** Requests that the upstream received. */
const received: { authorization: string | undefined; dpop: string | undefined }[] = [];
const tokenRequests: TokenRequest[] = [];
const gateways: TestGateway[] = [];

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider({
    beside(request, response) {
      const { authorization, dpop } = request.headers;
      received.push({ authorization, dpop: dpop as string | undefined });
      response.end("{}");
    },
  });
});
afterAll(async () => {
  await provider.stop();
  await redis.stop();
});
beforeEach(() => {
  received.length = 0;
  tokenRequests.length = 0;
  override();
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
});

/** @param members changed in every token response */
function override(members: Members = {}, overrides: HostileProvider["overrides"] = {}): void {
  const { tokenResponse } = overrides;
  provider.overrides = {
    claims: without("at_hash"),
    token: (original) => ({ ...original, token_type: "DPoP", ...members }),
    ...overrides,
    tokenResponse(response, request) {
      tokenRequests.push(request);
      return tokenResponse?.(response, request) ?? false;
    },
  };
}

async function start(mode: Mode = "dpop", of: Partial<Parameters<typeof startGateway>[0]> = {}): Promise<TestGateway> {
  const gateway = await startGateway({
    ...provider,
    redisUrl: redis.url,
    ...of,
    env: { UPSTREAMS: `/api=${provider.issuer}/up`, OIDC_SENDER_CONSTRAINED: mode },
  });
  gateways.push(gateway);
  return gateway;
}

/** A further instance of the same gateway with another setting, as after a rolling update. */
const restarted = (gateway: TestGateway, mode: Mode): Promise<TestGateway> =>
  start(mode, { publicOrigin: gateway.config.publicOrigin });

async function loggedIn(gateway: TestGateway): Promise<TestBrowser> {
  const browser = testBrowser(gateway.origin);
  const response = await browser.login();
  expect(response.headers.get("location"), gateway.log.join("")).toBe(`${gateway.origin}/`);
  return browser;
}

const jktOf = async (proof: string | undefined): Promise<string> =>
  calculateJwkThumbprint(decodeProtectedHeader(proof ?? "").jwk ?? {});
const refreshes = () => tokenRequests.filter(({ body }) => body.get("grant_type") === "refresh_token");
const jwt = (claims: Members) =>
  ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");
const rejectNonce = (response: ServerResponse, nonce: string | undefined, status = 400): true => {
  const challenge = status === 401 ? { "www-authenticate": 'DPoP error="use_dpop_nonce"' } : {};
  response.writeHead(status, {
    "content-type": "application/json",
    ...challenge,
    ...(nonce === undefined ? {} : { "dpop-nonce": nonce }),
  });
  response.end(JSON.stringify({ error: "use_dpop_nonce" }));
  return true;
};
const nonceOf = ({ dpop }: TokenRequest) => decodeJwt(dpop ?? "")["nonce"];

describe("a login with DPoP", () => {
  it("a login with DPoP binds the code to the key of the token request (dpop_jkt), and sends the access token with a proof of it", async () => {
    const gateway = await start();
    const browser = testBrowser(gateway.origin);
    const start1 = await browser.navigate("/bff/login");
    const url = new URL(start1.headers.get("location") ?? "");
    expect(url.searchParams.get("dpop_jkt")).toMatch(/^[\w-]{43}$/);
    const back = await fetch(url, { redirect: "manual" });
    const { pathname, search } = new URL(back.headers.get("location") ?? "");
    expect((await browser.navigate(pathname + search)).status).toBe(303);
    expect((await browser.fetch("/api/x")).status).toBe(200);
    const [proof] = tokenRequests.map(({ dpop }) => dpop);
    expect(await jktOf(proof)).toBe(url.searchParams.get("dpop_jkt"));
    expect(await jktOf(received[0]!.dpop)).toBe(url.searchParams.get("dpop_jkt"));
    expect(received[0]!.authorization).toMatch(/^DPoP /);
    expect(decodeJwt(proof ?? "")).toMatchObject({ htm: "POST", htu: `${provider.issuer}/token` });
    expect(decodeJwt(proof ?? "")["ath"]).toBeUndefined();
  });

  it("two sessions of one user have different keys", async () => {
    const gateway = await start();
    await loggedIn(gateway);
    await loggedIn(gateway);
    const [one, two] = await Promise.all(tokenRequests.map(({ dpop }) => jktOf(dpop)));
    expect(one).not.toBe(two);
  });

  it("a second instance proves the same key", async () => {
    const gateway = await start();
    const browser = await loggedIn(gateway);
    const other = await restarted(gateway, "dpop");
    await browser.fetch("/api/x");
    browser.useInstance(other.origin);
    await browser.fetch("/api/x");
    const [one, two] = await Promise.all(received.map(({ dpop }) => jktOf(dpop)));
    expect(one).toBe(two);
  });

  it("a refresh proves the key of the login", async () => {
    override({ expires_in: 1 });
    const browser = await loggedIn(await start());
    await expect
      .poll(async () => ((await browser.fetch("/api/x")).status === 200 ? refreshes().length : 0))
      .toBeGreaterThan(0);
    const keys = await Promise.all(tokenRequests.map(({ dpop }) => jktOf(dpop)));
    expect(new Set(keys).size).toBe(1);
  });
});

describe("a token response", () => {
  it.each(["DPoP", "dpop", "DPOP", "dPoP"])(
    "a token response with token_type %s is accepted with DPoP",
    async (type) => {
      override({ token_type: type });
      const browser = await loggedIn(await start());
      await browser.fetch("/api/x");
      expect(received[0]!.authorization).toMatch(/^DPoP /);
    },
  );

  const rejected: [string, Mode, Members][] = [
    ["token_type Bearer", "dpop", { token_type: "Bearer" }],
    ["token_type mac", "dpop", { token_type: "mac" }],
    ["an access token of another key", "dpop", { access_token: jwt({ cnf: { jkt: "another" } }) }],
    ["token_type DPoP", "off", {}],
    ["token_type dpop", "off", { token_type: "dpop" }],
    ["a bound access token", "off", { token_type: "Bearer", access_token: jwt({ cnf: { jkt: "x" } }) }],
  ];
  it.each(rejected)(
    "a token response with %s is rejected at login with OIDC_SENDER_CONSTRAINED=%s",
    async (_title, mode, members) => {
      override(members);
      const gateway = await start(mode);
      const response = await testBrowser(gateway.origin).login();
      expect(response.status).toBe(400);
      expect(gateway.log.join("")).toMatch(/token response was rejected: its (token_type|access token) [^"]*/);
    },
  );

  it("a token response without a cnf claim is accepted: the token type says that it is bound", async () => {
    override({ access_token: jwt({ sub: "alice" }) });
    await loggedIn(await start());
  });

  it("a token response with an access token of another key keeps the session at a refresh, and the successor of the refresh token", async () => {
    override({ expires_in: 1 });
    const gateway = await start();
    const browser = await loggedIn(gateway);
    override({ expires_in: 1, access_token: jwt({ cnf: { jkt: "another" } }), refresh_token: "successor" });
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(503);
    expect(gateway.log.join("")).toContain("bound to another DPoP key");
    override({ expires_in: 300 });
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(200);
    expect(refreshes().at(-1)!.body.get("refresh_token")).toBe("successor");
  });
});

describe("a provider that demands nonces", () => {
  it.each([400, 401])(
    "the token request is repeated once with the nonce of the %i response, and the login succeeds",
    async (status) => {
      override(
        {},
        { tokenResponse: (response, request) => nonceOf(request) !== "n-1" && rejectNonce(response, "n-1", status) },
      );
      const gateway = await start();
      await loggedIn(gateway);
      expect(tokenRequests.map(nonceOf)).toEqual([undefined, "n-1"]);
      await loggedIn(gateway);
      expect(tokenRequests.map(nonceOf)).toEqual([undefined, "n-1", "n-1"]);
    },
  );

  it("I4: a refresh rejected with use_dpop_nonce spends nothing: the same refresh token is sent again once", async () => {
    override({ expires_in: 1 });
    const browser = await loggedIn(await start());
    override(
      { expires_in: 300 },
      { tokenResponse: (response, request) => nonceOf(request) !== "n-2" && rejectNonce(response, "n-2") },
    );
    await expect.poll(async () => ((await browser.fetch("/api/x")).status === 200 ? refreshes().length : 0)).toBe(2);
    const [first, second] = refreshes();
    expect(second!.body.get("refresh_token")).toBe(first!.body.get("refresh_token"));
    expect(decodeJwt(second!.dpop ?? "")["jti"]).not.toBe(decodeJwt(first!.dpop ?? "")["jti"]);
  });

  it("I4, I5: a loop of nonce rejections keeps the session and its refresh token, and its reason is in the log", async () => {
    let count = 0;
    override({ expires_in: 1 });
    const gateway = await start();
    const browser = await loggedIn(gateway);
    override({}, { tokenResponse: (response) => rejectNonce(response, `n-${++count}`) });
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(503);
    expect(count % 2).toBe(0);
    expect(gateway.log.join("")).toContain("use_dpop_nonce");
    override({ expires_in: 300 });
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(200);
    expect(new Set(refreshes().map(({ body }) => body.get("refresh_token"))).size).toBe(1);
  });

  const nonces: [string, (count: number) => string | undefined][] = [
    ["another nonce each time", (count) => `n-${count}`],
    ["the same nonce each time", () => "same"],
    ["no nonce", () => undefined],
    ["an oversized nonce", () => "n".repeat(1_025)],
    ["a nonce with a space", () => "a b"],
    ["a nonce with a quote", () => 'a"b'],
    ["a nonce with a byte above 0x7F", () => "n\xe9"],
    ["an empty nonce", () => ""],
  ];
  it.each(nonces)(
    "a provider that rejects each request with %s fails the login with one sentence after two requests",
    async (_title, nonce) => {
      let count = 0;
      override({}, { tokenResponse: (response) => rejectNonce(response, nonce(++count)) });
      const gateway = await start();
      const response = await testBrowser(gateway.origin).login();
      expect(response.status).toBe(400);
      expect(count).toBe(2);
      expect(gateway.log.join("")).toContain("DPoP nonce");
      for (const sent of tokenRequests.map(nonceOf))
        expect(sent ?? "valid").toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/);
    },
  );

  it("a nonce on every response is used by the next request", async () => {
    let count = 0;
    override({}, { tokenResponse: (response) => !response.setHeader("DPoP-Nonce", `n-${++count}`) });
    const gateway = await start();
    for (let round = 0; round < 3; round++) await loggedIn(gateway);
    expect(tokenRequests.map(nonceOf)).toEqual([undefined, "n-1", "n-2"]);
  });
});

describe("the provider's metadata", () => {
  it.each([["RS256"], ["PS256", "EdDSA"], []])(
    "provider metadata without ES256 in dpop_signing_alg_values_supported is one sentence in readiness: %s",
    async (...algs) => {
      override({}, { metadata: (original) => ({ ...original, dpop_signing_alg_values_supported: algs }) });
      const gateway = await start();
      const result = JSON.stringify(await gateway.readiness("provider"));
      expect(result).toContain("OIDC_SENDER_CONSTRAINED=dpop signs with ES256");
      expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(400);
    },
  );

  it.each([
    [
      "lists ES256 among others",
      (original: Members) => ({ ...original, dpop_signing_alg_values_supported: ["PS256", "ES256"] }),
    ],
    ["has no list", without("dpop_signing_alg_values_supported")],
    [
      "has something else in its place",
      (original: Members) => ({ ...original, dpop_signing_alg_values_supported: "ES256" }),
    ],
  ])("provider metadata that %s is accepted", async (_title, metadata) => {
    override({}, { metadata });
    await loggedIn(await start());
  });
});

describe("sessions that began before the setting was changed", () => {
  it("a session with bearer tokens sends them as bearer until its refresh, which binds the new ones to a key", async () => {
    override({ token_type: "Bearer", expires_in: 2 });
    const before = await start("off");
    const browser = await loggedIn(before);
    const after = await restarted(before, "dpop");
    browser.useInstance(after.origin);
    override({ expires_in: 300 });
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(received[0]).toMatchObject({ authorization: expect.stringMatching(/^Bearer /), dpop: undefined });
    await expect
      .poll(async () => {
        expect((await browser.fetch("/api/x")).status).toBe(200);
        return received.at(-1)?.authorization;
      })
      .toMatch(/^DPoP /);
    expect(await jktOf(received.at(-1)!.dpop)).toBe(await jktOf(refreshes().at(-1)!.dpop));
  });

  it("a session with bound tokens sends proofs until its refresh, which requests bearer tokens", async () => {
    override({ expires_in: 2 });
    const before = await start("dpop");
    const browser = await loggedIn(before);
    const after = await restarted(before, "off");
    browser.useInstance(after.origin);
    override({ token_type: "Bearer", expires_in: 300 });
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(received[0]!.authorization).toMatch(/^DPoP /);
    await expect
      .poll(async () => {
        expect((await browser.fetch("/api/x")).status).toBe(200);
        return received.at(-1)?.authorization;
      })
      .toMatch(/^Bearer /);
    expect(received.at(-1)!.dpop).toBeUndefined();
    expect(refreshes().at(-1)!.dpop).toBeUndefined();
  });
});
