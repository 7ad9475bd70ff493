// Session expiry: the earliest of idle limit, absolute limit and the provider's token lifetimes.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { configWarnings } from "../../src/config/warnings.ts";
import { tokenLifeOf, tokenSetFrom } from "../../src/tokens/token-set.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, without, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

/** Until the first access token, with a lifetime of one second, must be renewed. */
const PATIENTLY = { timeout: 10_000 };

let provider: HostileProvider;
let redis: TestRedis;
const gateways: TestGateway[] = [];
beforeAll(async () => {
  provider = await startHostileProvider();
  redis = await startRedis();
});
afterEach(async () => {
  provider.overrides = {};
  for (const gateway of gateways.splice(0)) await gateway.stop();
});
afterAll(async () => {
  await provider.stop();
  await redis.stop();
});

async function startedGateway(env: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startGateway({
    ...provider,
    redisUrl: redis.url,
    env: { UPSTREAMS: `/api=${provider.issuer}`, SESSION_IDLE_SECONDS: "600", SESSION_MAX_SECONDS: "3600", ...env },
  });
  gateways.push(gateway);
  return gateway;
}
const granting = (changes: Record<string, unknown>) => {
  provider.overrides = { token: (token) => ({ ...token, ...changes }) };
};
/** Seconds until the unused session of the browser expires. */
async function secondsLeft(browser: TestBrowser): Promise<number> {
  const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: { idleExpiresAt: string } };
  return (Date.parse(session.idleExpiresAt) - Date.now()) / 1000;
}
const warnings = (gateway: TestGateway, words: string) => gateway.log.filter((line) => line.includes(words)).length;

describe("a session expires at the earliest of", () => {
  it.each([
    ["its idle limit, where the refresh token lives longer", { refresh_expires_in: 1_800 }, 600],
    ["its idle limit, where the provider does not say how long that lives", {}, 600],
    ["its idle limit, if the refresh token does not expire (Keycloak's offline token)", { refresh_expires_in: 0 }, 600],
    ["the refresh token's lifetime", { refresh_expires_in: 120 }, 120],
    ["the access token's, where there is no refresh token", { refresh_token: undefined, expires_in: 90 }, 90],
  ])("a session expires at %s", async (_what, token, seconds) => {
    const gateway = await startedGateway();
    granting(token);
    const browser = testBrowser(gateway.origin);
    await browser.login();
    const left = await secondsLeft(browser);
    expect(left).toBeLessThanOrEqual(seconds + 1);
    expect(left).toBeGreaterThan(seconds - 30);
  });

  it("a session expires at the absolute limit", async () => {
    const gateway = await startedGateway({ SESSION_IDLE_SECONDS: "60", SESSION_MAX_SECONDS: "60" });
    granting({ refresh_expires_in: 120 });
    const browser = testBrowser(gateway.origin);
    await browser.login();
    expect(await secondsLeft(browser)).toBeLessThanOrEqual(61);
  });
});

describe("refresh and session lifetime", () => {
  it("a refresh extends the session to the lifetime of the new refresh token", async () => {
    const gateway = await startedGateway();
    granting({ refresh_expires_in: 30, expires_in: 1 });
    const browser = testBrowser(gateway.origin);
    await browser.login();
    expect(await secondsLeft(browser)).toBeLessThanOrEqual(31);
    granting({ refresh_expires_in: 300 });
    await expect
      .poll(async () => {
        await browser.fetch("/api/anything");
        return secondsLeft(browser);
      }, PATIENTLY)
      .toBeGreaterThan(200);
    expect(await secondsLeft(browser)).toBeLessThanOrEqual(301);
  });

  it("a session that uses only the gateway's own token is refreshed too", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
    writeFileSync(file, JSON.stringify([{ prefix: "/api", baseUrl: provider.issuer, token: "client" }]));
    const gateway = await startedGateway({ UPSTREAMS: "", UPSTREAMS_FILE: file });
    granting({ refresh_expires_in: 30, expires_in: 1 });
    const browser = testBrowser(gateway.origin);
    await browser.login();
    granting({ refresh_expires_in: 300 });
    await expect
      .poll(async () => {
        await browser.fetch("/api/anything");
        return secondsLeft(browser);
      }, PATIENTLY)
      .toBeGreaterThan(200);
  });

  it("a refresh shortens the session if the provider's session is about to end", async () => {
    const gateway = await startedGateway();
    granting({ refresh_expires_in: 500, expires_in: 1 });
    const browser = testBrowser(gateway.origin);
    await browser.login();
    granting({ refresh_expires_in: 40 });
    await expect
      .poll(async () => {
        await browser.fetch("/api/anything");
        return secondsLeft(browser);
      }, PATIENTLY)
      .toBeLessThanOrEqual(41);
  });
});

describe("comparison with SESSION_IDLE_SECONDS", () => {
  it("a refresh-token lifetime shorter than SESSION_IDLE_SECONDS is logged once", async () => {
    const gateway = await startedGateway();
    granting({ refresh_expires_in: 120 });
    for (let logins = 0; logins < 2; logins++) await testBrowser(gateway.origin).login();
    expect(warnings(gateway, "expires before SESSION_IDLE_SECONDS")).toBe(1);
    expect(gateway.log.join("\n")).toContain('"seconds":120');
  });

  it("an access-token lifetime shorter than SESSION_IDLE_SECONDS is logged if there is no refresh token", async () => {
    const gateway = await startedGateway();
    provider.overrides = { token: without("refresh_token") };
    await testBrowser(gateway.origin).login();
    expect(warnings(gateway, "issues no refresh token")).toBe(1);
  });

  it("longer lifetimes are not logged", async () => {
    const gateway = await startedGateway();
    granting({ refresh_expires_in: 600 });
    await testBrowser(gateway.origin).login();
    expect(warnings(gateway, "SESSION_IDLE_SECONDS")).toBe(0);
  });
});

it("an idle limit shorter than one call to the provider is reported at the start", () => {
  const rest = { provider: { timeoutMs: 10_000 }, spaRoot: undefined, spaUrl: undefined, upstreams: [] };
  expect(configWarnings({ sessionIdleMs: 10_000, ...rest })).toEqual([expect.stringContaining("OIDC_TIMEOUT_SECONDS")]);
  expect(configWarnings({ sessionIdleMs: 11_000, ...rest })).toEqual([]);
});

describe("lifetime of a session by its grant", () => {
  const grant = {
    accessToken: "a",
    refreshToken: undefined,
    idToken: undefined,
    expiresInSeconds: 300,
    scope: undefined,
    refreshExpiresInSeconds: undefined,
  };
  it.each([
    ["a new refresh token of unknown lifetime", { refreshToken: "r" }, true, "unknown"],
    ["a new refresh token of known lifetime", { refreshToken: "r", refreshExpiresInSeconds: 60 }, true, 60_000],
    ["the same refresh token continues", {}, true, "unchanged"],
    ["the same refresh token, and until when", { refreshExpiresInSeconds: 60 }, true, 60_000],
    ["no refresh token at all", {}, false, 300_000],
  ] as const)("lifetime of a session by its grant: %s", (_what, changes, hadRefreshToken, life) => {
    expect(tokenLifeOf({ ...grant, ...changes }, hadRefreshToken)).toBe(life);
  });

  it("a refresh token that expires before the access token is spent before its expiry", () => {
    const short = { ...grant, refreshToken: "r", refreshExpiresInSeconds: 40 };
    const { refreshAtMs, usableUntilMs } = tokenSetFrom(short, undefined, { nowMs: 0, random: 0 });
    expect(refreshAtMs).toBeLessThan(40_000);
    expect(usableUntilMs).toBe(295_000);
  });
});
