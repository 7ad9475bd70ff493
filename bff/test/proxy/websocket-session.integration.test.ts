// WebSockets of real sessions, over two instances that share one Redis: who may open one, and that its end closes it.
import { hash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import {
  openSocket,
  startSocketUpstream,
  type Opened,
  type SocketUpstream,
} from "@cloakroom/testkit/web-socket-client.ts";

let redis: TestRedis;
let provider: HostileProvider;
let upstream: SocketUpstream;
let first: TestGateway;
let second: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider();
  upstream = await startSocketUpstream();
  const options = { ...provider, redisUrl: redis.url, env: { UPSTREAMS: `/api=${upstream.origin}` } };
  first = await startGateway(options);
  second = await startGateway({ ...options, publicOrigin: first.config.publicOrigin });
});
afterAll(async () => {
  await first.stop();
  await second.stop();
  upstream.stop();
  await provider.stop();
  await redis.stop();
});

/** Logs in as a user and provider session of the test's own. */
async function loggedIn(): Promise<{ browser: TestBrowser; sub: string; sid: string }> {
  const own = { sub: `user-${randomUUID()}`, sid: `sid-${randomUUID()}` };
  provider.lies = { claims: (honest) => ({ ...honest, ...own }) };
  const browser = testBrowser(first.origin);
  await browser.login();
  provider.lies = {};
  return { browser, ...own };
}

function open(browser: TestBrowser, at: TestGateway): Promise<Opened> {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const host = new URL(first.config.publicOrigin).host;
  return openSocket({ port: Number(new URL(at.origin).port), host }, "/api/ws", { headers: { Cookie: cookie } });
}

test("a user's WebSocket carries that user's bearer", async () => {
  const { browser } = await loggedIn();
  const { socket, next } = await open(browser, second);
  socket.send("hello");
  expect((await next()).toString()).toBe("hello");
  expect(upstream.asked.at(-1)?.headers.authorization).toMatch(/^Bearer \S+$/);
  expect(upstream.asked.at(-1)?.headers.cookie).toBeUndefined();
  socket.close();
});

test("nobody opens one without a session, and nothing reaches the upstream", async () => {
  const before = upstream.asked.length;
  await expect(open(testBrowser(first.origin), first)).rejects.toThrow("401");
  const { browser } = await loggedIn();
  browser.cookies.set("__Host-Http-session", "A".repeat(43));
  await expect(open(browser, first)).rejects.toThrow("401");
  expect(upstream.asked).toHaveLength(before);
});

test("a logout closes them on every instance and leaves other users' open", async () => {
  const [mine, other] = [await loggedIn(), await loggedIn()];
  const here = await open(mine.browser, first);
  const there = await open(mine.browser, second);
  const others = await open(other.browser, second);
  const response = await mine.browser.fetch("/bff/logout", {
    method: "POST",
    headers: { accept: "application/json" },
  });
  expect(response.status).toBe(200);
  expect(await here.closed).toEqual({ code: 4401, reason: "session_revoked" });
  expect(await there.closed).toEqual({ code: 4401, reason: "session_revoked" });
  await expect(open(mine.browser, second)).rejects.toThrow("401");
  others.socket.send("still here");
  expect((await others.next()).toString()).toBe("still here");
  others.socket.close();
});

test("a back-channel logout closes them on every instance, without waiting for the next look at the session", async () => {
  const { browser, sid } = await loggedIn();
  const sockets = [await open(browser, first), await open(browser, second)];
  const token = await provider.logoutToken({ sid });
  const response = await fetch(`${first.origin}/bff/backchannel-logout`, {
    method: "POST",
    body: new URLSearchParams({ logout_token: token }).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect(response.status).toBe(200);
  const answeredAtMs = performance.now();
  for (const { closed } of sockets) expect(await closed).toEqual({ code: 4401, reason: "session_revoked" });
  // A second is the promise; a test on a busy machine only tells it from the 30 s of looking again.
  expect(performance.now() - answeredAtMs).toBeLessThan(5_000);
});

test("an end for a reason that only another release knows closes them, and is told as an end", async () => {
  const { browser } = await loggedIn();
  const { closed } = await open(browser, second);
  const key = hash("sha256", browser.cookies.get(SESSION_COOKIE)!, "base64url");
  const { client } = first.store as ReturnType<typeof createRedisStore>;
  await client.set(`cloakroom:test:{${key}}:ended`, "device_lost");
  await client.del(`cloakroom:test:{${key}}:session`);
  await client.publish("cloakroom:test:session-ended", `${key} device_lost`);
  expect(await closed).toEqual({ code: 4401, reason: "session_revoked" });
  const refused = await browser.fetch("/api/x");
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ code: "session_revoked" });
});

test("an open WebSocket leaves no trace of the session in the log but its line", async () => {
  const { browser } = await loggedIn();
  const { socket, closed } = await open(browser, second);
  socket.close();
  await closed;
  const session = browser.cookies.get("__Host-Http-session");
  expect(session).toHaveLength(43);
  expect(second.log.join("\n")).not.toContain(session);
});
