// REDIS_CONFIRM_REPLICAS: acknowledged ends of sessions are on a replica, also for repeated requests.
import { once } from "node:events";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
let replica: TestRedis;
let client: Redis;

beforeAll(async () => {
  system = await startTestSystem({ instances: 2, env: { REDIS_CONFIRM_REPLICAS: "1", REDIS_TIMEOUT_MS: "1000" } });
  replica = await startRedis();
  client = new Redis(replica.url);
  await once(client, "ready");
  await client.replicaof("127.0.0.1", new URL(system.redis.url).port);
});
beforeEach(async () => {
  await expect.poll(() => client.info("replication"), { timeout: 15_000 }).toContain("master_link_status:up");
});
afterAll(async () => {
  client.disconnect();
  await system.stop();
  await replica.stop();
});

const json = { accept: "application/json" };

it("I2: a logout without a replica gets 503 on every instance, also when repeated", async () => {
  const browser = system.browser();
  await browser.login();
  const sessionId = browser.cookies.get(SESSION_COOKIE)!;
  const logOut = (index: number) => {
    browser.useInstance(system.gateways[index]!.origin);
    return browser.fetch("/bff/logout", { method: "POST", headers: json });
  };
  replica.pause();
  try {
    for (const index of [0, 0, 1]) expect((await logOut(index)).status).toBe(503);
    expect(browser.cookies.get(SESSION_COOKIE)).toBe(sessionId);
  } finally {
    replica.resume();
  }
  await expect.poll(async () => (await logOut(1)).status, { timeout: 15_000 }).toBe(200);
  expect(await client.exists(`cloakroom:test:{${sessionKeyOf(sessionId)}}:session`)).toBe(0);
});

it("I2: ending a session from another browser without a replica gets 503, and a retry with a replica succeeds", async () => {
  const [mine, lost] = [system.browser(), system.browser()];
  for (const browser of [mine, lost]) await browser.login();
  const { session } = (await (await lost.fetch("/bff/user")).json()) as { session: { id: string } };
  const revoke = async (index: number) => {
    mine.useInstance(system.gateways[index]!.origin);
    return (await mine.fetch(`/bff/sessions/${session.id}`, { method: "DELETE", headers: json })).status;
  };
  replica.pause();
  try {
    for (const index of [0, 0, 1]) expect(await revoke(index)).toBe(503);
    expect((await lost.fetch("/api/x")).status).toBe(401);
  } finally {
    replica.resume();
  }
  await expect.poll(() => revoke(1), { timeout: 15_000 }).toBe(204);
  expect(await client.exists(`cloakroom:test:{${sessionKeyOf(lost.cookies.get(SESSION_COOKIE)!)}}:session`)).toBe(0);
});

it("I2: a back-channel logout without a replica gets 503", async () => {
  const browser = system.browser("admin");
  await browser.login();
  const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: { sub: string } };
  const token = await system.provider.logoutToken({ aud: "cloakroom", sub: user.sub });
  const sendLogoutToken = (index: number) =>
    fetch(`${system.gateways[index]!.origin}/bff/backchannel-logout`, {
      method: "POST",
      body: new URLSearchParams({ logout_token: token }),
    });
  replica.pause();
  try {
    for (const index of [0, 0, 1, 1]) expect((await sendLogoutToken(index)).status).toBe(503);
  } finally {
    replica.resume();
  }
  await expect.poll(async () => (await sendLogoutToken(0)).status, { timeout: 15_000 }).toBe(200);
});

it("a login that replaces a session succeeds while no replica confirms", async () => {
  const browser = system.browser();
  await browser.login();
  const before = browser.cookies.get(SESSION_COOKIE)!;
  replica.pause();
  try {
    await browser.login();
  } finally {
    replica.resume();
  }
  expect(browser.cookies.get(SESSION_COOKIE)).not.toBe(before);
  expect((await browser.fetch("/api/x")).status).toBe(200);
  expect(await system.gateway.store.endReason(sessionKeyOf(before))).toBe("replaced");
});
