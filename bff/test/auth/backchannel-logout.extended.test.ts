// POST /bff/backchannel-logout: validation of logout tokens (OIDC Back-Channel Logout 1.0 §2.6), with the modules of the
// OpenID conformance suite by their ids.
import { hash, randomUUID } from "node:crypto";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  breakSignature,
  startHostileProvider,
  unsigned,
  type HostileProvider,
} from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

let redis: TestRedis;
let provider: HostileProvider;
let gateway: TestGateway;
let second: TestGateway;
/** With OIDC_LOGOUT_TOKEN_TYP=optional. */
let tolerant: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider();
  gateway = await startGateway({ ...provider, redisUrl: redis.url });
  const { publicOrigin } = gateway.config;
  second = await startGateway({ ...provider, redisUrl: redis.url, publicOrigin });
  const env = { OIDC_LOGOUT_TOKEN_TYP: "optional" };
  tolerant = await startGateway({ ...provider, redisUrl: redis.url, publicOrigin, env });
});
afterAll(async () => {
  await gateway.stop();
  await second.stop();
  await tolerant.stop();
  await provider.stop();
  await redis.stop();
});

const now = () => Math.floor(Date.now() / 1000);
const EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** Logs in as a new user with a new provider session. */
async function loggedIn(
  claims: Record<string, unknown> = {},
): Promise<{ browser: TestBrowser; sub: string; sid: string }> {
  const own = { sub: `user-${randomUUID()}`, sid: `sid-${randomUUID()}`, ...claims } as { sub: string; sid: string };
  provider.overrides = { claims: (original) => ({ ...original, ...own }) };
  const browser = testBrowser(gateway.origin);
  await browser.login();
  provider.overrides = {};
  expect(await isLoggedIn(browser)).toBe(true);
  return { browser, ...own };
}
async function isLoggedIn(browser: TestBrowser, at: TestGateway = gateway): Promise<boolean> {
  browser.useInstance(at.origin);
  const response = await browser.fetch("/bff/user");
  return ((await response.json()) as { user: unknown }).user !== null;
}
function post(body: string, headers: Record<string, string> = {}, at: TestGateway = gateway): Promise<Response> {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  return fetch(`${at.origin}/bff/backchannel-logout`, { method: "POST", body, headers: { ...type, ...headers } });
}
const form = (token: string) => new URLSearchParams({ logout_token: token }).toString();

describe("back-channel logout", () => {
  it("oidcc-client-test-rp-backchannel-rpinitlogout: ends the session of its sid on every instance", async () => {
    const { browser, sid } = await loggedIn();
    const other = await loggedIn();
    const response = await post(form(await provider.logoutToken({ sid })));
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toContain("no-store");
    expect(await isLoggedIn(browser)).toBe(false);
    expect(await isLoggedIn(browser, second)).toBe(false);
    expect(await isLoggedIn(other.browser, second)).toBe(true);
    expect(gateway.events("backchannel_logout").at(-1)).toMatchObject({ count: 1 });
  });

  it("log events of login, logout and session end share one providerSession and do not contain the sid", async () => {
    const { sub, sid } = await loggedIn();
    await post(form(await provider.logoutToken({ sid, sub })));
    const told = ["login_completed", "backchannel_logout", "session_ended"].map(
      (name) => gateway.events(name).findLast(({ subject }) => subject === sub)?.["providerSession"],
    );
    expect(told[0]).toMatch(/^[\w-]{12}$/);
    expect(new Set(told).size).toBe(1);
    expect(gateway.log.join("")).not.toContain(sid);
  });

  it("a token without sid ends all sessions of its sub and no session of another user", async () => {
    const first = await loggedIn();
    const again = await loggedIn({ sub: first.sub });
    const other = await loggedIn();
    expect((await post(form(await provider.logoutToken({ sid: undefined, sub: first.sub })))).status).toBe(200);
    expect(await isLoggedIn(first.browser)).toBe(false);
    expect(await isLoggedIn(again.browser)).toBe(false);
    expect(await isLoggedIn(other.browser)).toBe(true);
  });

  it.each<[string, Record<string, unknown>]>([
    ["sid and sub", { sub: "another-user" }],
    ["unknown claims", { "https://provider.test/why": "idle", trace_id: "t" }],
    ["a list of audiences that contains the client", { aud: ["another", "cloakroom-test"] }],
  ])("a token with %s is accepted", async (_case, claims) => {
    const { browser, sid } = await loggedIn();
    const other = await loggedIn();
    expect((await post(form(await provider.logoutToken({ sid, ...claims })))).status).toBe(200);
    expect(await isLoggedIn(browser, second)).toBe(false);
    expect(await isLoggedIn(other.browser)).toBe(true);
  });

  it("a logout token with an unknown sid gets 200", async () => {
    expect((await post(form(await provider.logoutToken({ sid: "unknown-sid" })))).status).toBe(200);
  });

  it("a logout that arrives before its session is stored prevents the session", async () => {
    const sid = `sid-${randomUUID()}`;
    expect((await post(form(await provider.logoutToken({ sid })))).status).toBe(200);
    provider.overrides = { claims: (original) => ({ ...original, sid }) };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(400);
    provider.overrides = {};
    expect(await isLoggedIn(browser)).toBe(false);
  });

  it("a replayed token is rejected, also by another instance", async () => {
    const token = await provider.logoutToken({ sid: "replayed", jti: randomUUID() });
    expect((await post(form(token))).status).toBe(200);
    expect((await post(form(token))).status).toBe(400);
    expect((await post(form(token), {}, second)).status).toBe(400);
  });

  it.each([2, 20])("%i concurrent copies of a token over both instances act once", async (count) => {
    const { browser, sid } = await loggedIn();
    const token = form(await provider.logoutToken({ sid }));
    const before = [gateway, second].flatMap((each) => each.events("backchannel_logout")).length;
    const responses = await Promise.all(
      Array.from({ length: count }, (_, n) => post(token, {}, n % 2 === 0 ? gateway : second)),
    );
    const statuses = responses.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array.from({ length: count - 1 }, () => 400)]);
    expect([gateway, second].flatMap((each) => each.events("backchannel_logout")).length - before).toBe(1);
    expect(await isLoggedIn(browser)).toBe(false);
  });

  it("a copy waits for the copy in progress and is 503 if its outcome stays unknown", async () => {
    const { browser, sid } = await loggedIn();
    const jti = randomUUID();
    const token = form(await provider.logoutToken({ sid, jti }));
    const tokenHash = hash("sha256", `${provider.issuer} ${jti}`, "base64url");
    // State left by an instance that was killed after the claim and before the action.
    await second.store.claimOnce("logout-token", tokenHash, { owner: "killed", leaseMs: 4_000 });
    const early = await post(token);
    expect([early.status, Number(early.headers.get("retry-after")) > 0]).toEqual([503, true]);
    expect(await isLoggedIn(browser)).toBe(true);
    browser.useInstance(gateway.origin);
    await expect.poll(async () => (await post(token)).status, { timeout: 10_000 }).toBe(200);
    expect(await isLoggedIn(browser)).toBe(false);
    expect((await post(token)).status).toBe(400);
  }, 20_000);

  const TYPES = { "logout+jwt": () => gateway, JWT: () => tolerant, "no typ": () => tolerant };
  const headerOf = (type: string) => ({ typ: type === "no typ" ? undefined : type }) as { typ?: string };
  const INVALID: [string, Record<string, unknown>][] = [
    ["oidcc-client-test-rp-backchannel-no-event", { events: undefined }],
    ["oidcc-client-test-rp-backchannel-wrong-event", { events: { "http://schemas.openid.net/event/foobar": {} } }],
    ["events is null", { events: null }],
    ["the event is null", { events: { [EVENT]: null } }],
    ["the event is a string", { events: { [EVENT]: "yes" } }],
    ["the event is a list", { events: { [EVENT]: [] } }],
    ["events is a list", { events: [EVENT] }],
    ["events is a string", { events: EVENT }],
    ["oidcc-client-test-rp-backchannel-with-nonce", { nonce: "n" }],
    ["an empty nonce", { nonce: "" }],
    ["a nonce that is null", { nonce: null }],
    ["oidcc-client-test-rp-backchannel-wrong-aud", { aud: "cloakroom-test+INVALID" }],
    ["no aud", { aud: undefined }],
    ["an empty list as aud", { aud: [] }],
    ["aud is a list without the client", { aud: ["another", "and-another"] }],
    ["oidcc-client-test-rp-backchannel-wrong-iss", { iss: "http://127.0.0.1:1+INVALID" }],
    ["no iss", { iss: undefined }],
    ["no iat", { iat: undefined }],
    ["iat is a string", { iat: String(now()) }],
    ["an old iat", { iat: now() - 300, exp: now() + 300 }],
    ["a future iat", { iat: now() + 300, exp: now() + 600 }],
    ["expired", { iat: now() - 120, exp: now() - 60 }],
    ["no exp", { exp: undefined }],
    ["exp is a string", { exp: String(now() + 60) }],
    ["no jti", { jti: undefined }],
    ["an empty jti", { jti: "" }],
    ["neither sid nor sub", { sid: undefined }],
    ["sid and sub are empty", { sid: "", sub: "" }],
    ["sid and sub are numbers", { sid: 1, sub: 2 }],
    ["the claims of an ID token", { events: undefined, nonce: "n", sub: "another-user" }],
    ["the claims of an access token", { events: undefined, sub: "another-user", scope: "openid" }],
  ];
  const invalidOfEachType = INVALID.flatMap(([what, claims]) =>
    Object.entries(TYPES).map(([type, at]) => [what, type, claims, at] as const),
  );

  it.each(invalidOfEachType)("an invalid token is rejected: %s (%s)", async (_case, type, claims, at) => {
    const { browser, sid } = await loggedIn();
    const token = await provider.logoutToken({ sid, ...claims }, headerOf(type));
    const response = await post(form(token), {}, at());
    expect(response.status).toBe(400);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await isLoggedIn(browser)).toBe(true);
  });

  it.each([
    ["logout+jwt", 200, 200],
    ["LOGOUT+JWT", 200, 200],
    ["application/logout+jwt", 200, 200],
    ["Application/Logout+JWT", 200, 200],
    ["JWT", 400, 200],
    ["jwt", 400, 200],
    ["application/jwt", 400, 200],
    [undefined, 400, 200],
    ["at+jwt", 400, 400],
    ["application/at+jwt", 400, 400],
    ["secevent+jwt", 400, 400],
    ["dpop+jwt", 400, 400],
    ["id_token", 400, 400],
    ["logout", 400, 400],
    ["xlogout+jwt", 400, 400],
    ["text/logout+jwt", 400, 400],
    ["logout+jwt ", 400, 400],
    ["", 400, 400],
    [null, 400, 400],
    [1, 400, 400],
    [["logout+jwt"], 400, 400],
  ])("typ %j: %i by default, %i with OIDC_LOGOUT_TOKEN_TYP=optional", async (typ, byDefault, optional) => {
    for (const [at, expected] of [
      [gateway, byDefault],
      [tolerant, optional],
    ] as const) {
      const { browser, sid } = await loggedIn();
      const header = { typ } as { typ?: string };
      const { status } = await post(form(await provider.logoutToken({ sid }, header)), {}, at);
      expect(status).toBe(expected);
      expect(await isLoggedIn(browser)).toBe(expected === 400);
    }
  });

  it("a token that is rejected only for its typ is logged with the setting, after its signature has been verified", async () => {
    const reasonOf = async (token: string, at = gateway) => {
      expect((await post(form(token), {}, at)).status).toBe(400);
      return String(at.events("backchannel_logout_rejected").at(-1)?.["reason"]);
    };
    const setting = "OIDC_LOGOUT_TOKEN_TYP=optional";
    expect(await reasonOf(await provider.logoutToken({}, { typ: "JWT" }))).toContain(setting);
    expect(await reasonOf(await provider.logoutToken({}, { typ: undefined } as object))).toContain(setting);
    expect(await reasonOf(await provider.logoutToken({}, { typ: "at+jwt" }))).not.toContain(setting);
    expect(await reasonOf(breakSignature(await provider.logoutToken({}, { typ: "JWT" })))).not.toContain(setting);
    expect(await reasonOf(await provider.logoutToken({}, { typ: "at+jwt" }), tolerant)).not.toContain(setting);
  });

  it.each(Object.entries(TYPES))(
    "oidcc-client-test-rp-backchannel-alg-none, oidcc-client-test-rp-backchannel-wrong-alg, an unknown key and a broken signature are rejected (%s)",
    async (type, at) => {
      const { browser, sid } = await loggedIn();
      const header = headerOf(type);
      const good = await provider.logoutToken({ sid }, header);
      const foreign = await provider.logoutToken({ sid }, header, (await generateKeyPair("RS256")).privateKey);
      const { es256 } = provider;
      const otherAlg = await provider.logoutToken(
        { sid },
        { ...header, alg: "ES256", kid: es256.kid },
        es256.privateKey,
      );
      const none = await provider.logoutToken({ sid }, { ...header, alg: "none" });
      for (const token of [otherAlg, none, unsigned("none")(good), breakSignature(good), foreign, "", "x.y.z"])
        expect((await post(form(token), {}, at())).status, token.slice(0, 20)).toBe(400);
      expect(await isLoggedIn(browser)).toBe(true);
    },
  );

  describe("a token whose sid no session has", () => {
    const token = async (claims: Record<string, unknown>) =>
      (await post(form(await provider.logoutToken({ sid: `unknown-${randomUUID()}`, ...claims })))).status;

    it("a logout token whose sid no session has ends the sessions of its sub that carry no sid, and no others", async () => {
      const bare = await loggedIn({ sid: undefined });
      const withSid = await loggedIn({ sub: bare.sub });
      const other = await loggedIn({ sid: undefined });
      expect(await token({ sub: bare.sub })).toBe(200);
      expect(await isLoggedIn(bare.browser)).toBe(false);
      expect(await isLoggedIn(withSid.browser)).toBe(true);
      expect(await isLoggedIn(other.browser)).toBe(true);
      expect(gateway.events("backchannel_logout").at(-1)).toMatchObject({ count: 1 });
    });

    it("a logout token whose sid no session has is 200 without effect if it has no sub", async () => {
      const bare = await loggedIn({ sid: undefined });
      expect(await token({})).toBe(200);
      expect(await isLoggedIn(bare.browser)).toBe(true);
    });

    it.each([
      ["with a sid", {}],
      ["without a sid", { sid: undefined }],
    ])(
      "a logout token whose sid no session has is 200 without effect on a session %s that began later",
      async (_what, claims) => {
        const { browser, sub } = await loggedIn(claims);
        expect(await token({ sub, iat: now() - 30 })).toBe(200);
        expect(await isLoggedIn(browser)).toBe(true);
      },
    );

    it("a logout token whose sid no session has prevents the session of a login without a sid that is being stored, and no later one", async () => {
      const sub = `user-${randomUUID()}`;
      expect(await token({ sub, iat: now() - 5 })).toBe(200);
      provider.overrides = { claims: (original) => ({ ...original, sub, sid: undefined, iat: now() - 10 }) };
      const early = testBrowser(gateway.origin);
      expect((await early.login()).status).toBe(400);
      const { browser } = await loggedIn({ sub, sid: undefined });
      expect(await isLoggedIn(browser, second)).toBe(true);
    });
  });

  it("a late token without sid ends no session that began after it", async () => {
    const earlier = await loggedIn({ iat: now() - 60 });
    const later = await loggedIn({ sub: earlier.sub });
    expect(
      (await post(form(await provider.logoutToken({ sid: undefined, sub: earlier.sub, iat: now() - 30 })))).status,
    ).toBe(200);
    expect(await isLoggedIn(earlier.browser)).toBe(false);
    expect(await isLoggedIn(later.browser)).toBe(true);
  });

  it("a token of a session that has ended already ends no other session", async () => {
    const first = await loggedIn();
    const bare = await loggedIn({ sub: first.sub, sid: undefined, iat: now() + 5 });
    expect((await post(form(await provider.logoutToken({ sid: first.sid, sub: first.sub })))).status).toBe(200);
    const again = await loggedIn({ sub: first.sub });
    expect((await post(form(await provider.logoutToken({ sid: first.sid, sub: first.sub })))).status).toBe(200);
    expect(await isLoggedIn(first.browser)).toBe(false);
    expect(await isLoggedIn(bare.browser)).toBe(true);
    expect(await isLoggedIn(again.browser)).toBe(true);
  });

  it("a flood of tokens with unknown key ids has a bounded number of waiting requests, and a valid token is accepted", async () => {
    const { browser, sid } = await loggedIn();
    const forged = await Promise.all(
      Array.from({ length: 60 }, (_, n) => provider.logoutToken({ sid }, { kid: `unknown-${n}` })),
    );
    // One fetch of the keys is allowed; of the other tokens a bounded number waits for the next fetch.
    const flood = Promise.all(forged.map(async (token) => (await post(form(token))).status));
    const genuine = await post(form(await provider.logoutToken({ sid })));
    expect(genuine.status).toBe(200);
    expect(await isLoggedIn(browser)).toBe(false);
    const statuses = await flood;
    expect(new Set(statuses)).toEqual(new Set([400, 503]));
    expect(statuses.filter((status) => status === 400).length).toBeGreaterThanOrEqual(32);
  }, 30_000);

  it("a body other than a form with one logout_token is rejected", async () => {
    const { browser, sid } = await loggedIn();
    const token = await provider.logoutToken({ sid });
    const shapes: [string, number, Promise<Response>][] = [
      ["twice", 400, post(`${form(token)}&${form(token)}`)],
      ["JSON", 400, post(JSON.stringify({ logout_token: token }), { "content-type": "application/json" })],
      ["multipart", 400, post(form(token), { "content-type": "multipart/form-data; boundary=x" })],
      ["compressed", 400, post(form(token), { "content-encoding": "gzip" })],
      ["1 MB", 413, post(`${form(token)}&x=${"x".repeat(1_000_000)}`)],
      [
        "in the query",
        400,
        fetch(`${gateway.origin}/bff/backchannel-logout?${form(token)}`, {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
        }),
      ],
      ["by GET", 405, fetch(`${gateway.origin}/bff/backchannel-logout?${form(token)}`)],
    ];
    for (const [shape, status, response] of shapes) {
      expect((await response).status, shape).toBe(status);
      expect((await response).headers.get("cache-control"), shape).toBe("no-store");
    }
    expect(await isLoggedIn(browser)).toBe(true);
  });

  it("a logout is 503 while Redis is down and 200 afterwards", async () => {
    const { browser, sid } = await loggedIn();
    await redis.kill();
    const token = await provider.logoutToken({ sid });
    const response = await post(form(token));
    expect(response.status).toBe(503);
    expect(response.headers.get("cache-control")).toContain("no-store");
    await redis.start();
    await expect.poll(async () => (await post(form(token))).status, { timeout: 10_000 }).toBe(200);
    expect(await isLoggedIn(browser)).toBe(false);
  });

  it("a rejected token is logged as backchannel_logout_rejected without the token", async () => {
    const token = await provider.logoutToken({ sid: "x", nonce: "n" });
    await post(form(token));
    expect(gateway.events("backchannel_logout_rejected").at(-1)).toMatchObject({
      code: "request_malformed",
      reason: expect.stringContaining("nonce"),
    });
    expect(gateway.log.join("")).not.toContain(token.split(".")[2]);
  });
});
