// Keys of JWT access tokens: rotation, invented key ids, and an outage of the provider. The provider's own tokens are not
// affected by tokens of clients.
import { generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

const AUDIENCE = "https://orders.example";
let system: TestSystem;

beforeEach(async () => {
  system = await startTestSystem({
    upstreams: (baseUrl) => [
      { prefix: "/api", baseUrl },
      { prefix: "/machine", baseUrl, access: "bearer", bearer: { audience: AUDIENCE } },
    ],
  });
});
afterEach(() => system.stop());

const now = () => Math.floor(Date.now() / 1000);
const claims = () => ({
  ...{ iss: system.provider.issuer, sub: "robot", aud: AUDIENCE, iat: now(), exp: now() + 300 },
  jti: crypto.randomUUID(),
});
const tokenOf = () => system.provider.sign(claims(), { typ: "at+jwt" });
const foreign = await generateKeyPair("RS256");
const invented = () =>
  new SignJWT(claims())
    .setProtectedHeader({ alg: "RS256", typ: "at+jwt", kid: crypto.randomUUID() })
    .sign(foreign.privateKey);
const send = async (token: string) => {
  const response = await fetch(`${system.gateway.origin}/machine/x`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, retryAfter: response.headers.get("retry-after") };
};

it("a token of a key that was rotated in after the last fetch is accepted", async () => {
  expect((await send(await tokenOf())).status).toBe(200);
  await system.provider.rotateKeys({ dropOld: true });
  expect((await send(await tokenOf())).status).toBe(200);
});

it("tokens with invented key ids cause few requests, and fail no login", async () => {
  await send(await tokenOf());
  system.provider.resetCounts();
  const flood = Array.from({ length: 40 }, async () => send(await invented()));
  const browser = system.browser();
  await system.provider.rotateKeys();
  await browser.login();
  expect(await userOf(browser)).toBeDefined();
  expect((await send(await tokenOf())).status).toBe(200);
  // Beyond the limit of waiting tokens: 503, since the key may be published within seconds.
  const statuses = (await Promise.all(flood)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([401, 503]));
  expect(system.provider.count("jwks")).toBeLessThanOrEqual(3);
});

it("an outage of the provider does not affect tokens whose keys are known", async () => {
  const seen = await tokenOf();
  await send(seen);
  const unseen = await tokenOf();
  await system.provider.down();
  expect((await send(seen)).status).toBe(200);
  expect((await send(unseen)).status).toBe(200);
});

it("an outage before the first keys is 503, and ends without a restart", async () => {
  const token = await tokenOf();
  await system.provider.down();
  const rejected = await send(token);
  expect(rejected.status).toBe(503);
  expect(Number(rejected.retryAfter)).toBeGreaterThan(0);
  expect(await system.gateway.readiness("bearer")).toMatchObject({ status: "degraded" });
  await system.provider.up();
  await expect.poll(async () => (await send(token)).status, { interval: 300 }).toBe(200);
  expect(await system.gateway.readiness("bearer")).toEqual({ status: "ok" });
});

it("tokens with invented key ids in an outage do not affect tokens whose keys are known", async () => {
  expect((await send(await tokenOf())).status).toBe(200);
  const unseen = await Promise.all(Array.from({ length: 8 }, tokenOf));
  await system.provider.down();
  const flood = await Promise.all(Array.from({ length: 6 }, async () => send(await invented())));
  expect(new Set(flood.map(({ status }) => status))).toEqual(new Set([503]));
  const statuses = await Promise.all(unseen.map(async (token) => (await send(token)).status));
  expect(statuses).toEqual(unseen.map(() => 200));
});
