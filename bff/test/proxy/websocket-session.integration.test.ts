// WebSockets and sessions on two instances with one Redis: opening requires a session, its end closes them.
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

/** Logs in as a new user with a new provider session. */
async function loggedIn(): Promise<{ browser: TestBrowser; sub: string; sid: string }> {
  const own = { sub: `user-${randomUUID()}`, sid: `sid-${randomUUID()}` };
  provider.overrides = { claims: (original) => ({ ...original, ...own }) };
  const browser = testBrowser(first.origin);
  await browser.login();
  provider.overrides = {};
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
  expect(upstream.handshakes.at(-1)?.headers.authorization).toMatch(/^Bearer \S+$/);
  expect(upstream.handshakes.at(-1)?.headers.cookie).toBeUndefined();
  socket.close();
});

test("a handshake without a session is rejected and does not reach the upstream", async () => {
  const before = upstream.handshakes.length;
  await expect(open(testBrowser(first.origin), first)).rejects.toThrow("401");
  const { browser } = await loggedIn();
  browser.cookies.set("__Host-Http-session", "A".repeat(43));
  await expect(open(browser, first)).rejects.toThrow("401");
  expect(upstream.handshakes).toHaveLength(before);
});

test("a logout closes the user's WebSockets on every instance and no others", async () => {
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

test("a back-channel logout closes WebSockets on every instance without waiting for the next poll", async () => {
  const { browser, sid } = await loggedIn();
  const sockets = [await open(browser, first), await open(browser, second)];
  const token = await provider.logoutToken({ sid });
  const response = await fetch(`${first.origin}/bff/backchannel-logout`, {
    method: "POST",
    body: new URLSearchParams({ logout_token: token }).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect(response.status).toBe(200);
  const respondedAtMs = performance.now();
  for (const { closed } of sockets) expect(await closed).toEqual({ code: 4401, reason: "session_revoked" });
  // Documented: one second. The limit here only distinguishes it from the poll interval of 30 s on a busy machine.
  expect(performance.now() - respondedAtMs).toBeLessThan(5_000);
});

test("an end with a reason of another release closes WebSockets with session_expired", async () => {
  const { browser } = await loggedIn();
  const { closed } = await open(browser, second);
  const key = hash("sha256", browser.cookies.get(SESSION_COOKIE)!, "base64url");
  const { client } = first.store as ReturnType<typeof createRedisStore>;
  await client.set(`cloakroom:test:{${key}}:ended`, "device_lost");
  await client.del(`cloakroom:test:{${key}}:session`);
  await client.publish("cloakroom:test:session-ended", `${key} device_lost`);
  expect(await closed).toEqual({ code: 4401, reason: "session_revoked" });
  const rejected = await browser.fetch("/api/x");
  expect(rejected.status).toBe(401);
  expect(await rejected.json()).toMatchObject({ code: "session_revoked" });
});

test("an open WebSocket writes no session data to the log except its request line", async () => {
  const { browser } = await loggedIn();
  const { socket, closed } = await open(browser, second);
  socket.close();
  await closed;
  const session = browser.cookies.get("__Host-Http-session");
  expect(session).toHaveLength(43);
  expect(second.log.join("\n")).not.toContain(session);
});
