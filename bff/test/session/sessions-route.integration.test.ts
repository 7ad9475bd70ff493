// /bff/sessions: a user lists and ends their own sessions.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sessionKeyOf } from "../../src/session/session.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2 });
});
afterAll(() => system.stop());

type Listed = {
  id: string;
  current: boolean;
  device: string | null;
  createdAt: string;
  lastUsedAt: string;
  idleExpiresAt: string;
  expiresAt: string;
};

const cookieOf = (browser: TestBrowser) => browser.cookies.get("__Host-Http-session")!;
const remove = (browser: TestBrowser, path: string, headers: Record<string, string> = {}) =>
  browser.fetch(path, { method: "DELETE", headers: { accept: "application/json", ...headers } });

async function sessionsOf(browser: TestBrowser): Promise<Listed[]> {
  const response = await browser.fetch("/bff/sessions");
  expect(response.status).toBe(200);
  return ((await response.json()) as { sessions: Listed[] }).sessions;
}
async function handleOf(browser: TestBrowser): Promise<string> {
  return (await sessionsOf(browser)).find(({ current }) => current)!.id;
}
/** Ends all sessions of the user, so that each test begins with none. */
async function loggedIn(username = "alice", count = 1): Promise<TestBrowser[]> {
  const browsers = Array.from({ length: count }, () => system.browser(username));
  for (const browser of browsers) expect((await browser.login()).status).toBe(303);
  return browsers;
}
async function startOver(): Promise<void> {
  for (const username of ["alice", "admin"]) {
    const [browser] = await loggedIn(username);
    expect((await remove(browser!, "/bff/sessions")).status).toBe(200);
  }
}

describe("GET /bff/sessions", () => {
  it("GET /bff/sessions lists the user's sessions, newest first, and marks the current one", async () => {
    await startOver();
    const [first, second] = await loggedIn("alice", 2);
    await loggedIn("admin");
    const seenByFirst = await sessionsOf(first!);
    expect(seenByFirst.map(({ current }) => current)).toEqual([false, true]);
    expect((await sessionsOf(second!)).map(({ current }) => current)).toEqual([true, false]);
    const user = (await (await first!.fetch("/bff/user")).json()) as { session: { id: string } };
    expect(seenByFirst[1]!.id).toBe(user.session.id);
    for (const each of seenByFirst) {
      const [created, used, idle, end] = [each.createdAt, each.lastUsedAt, each.idleExpiresAt, each.expiresAt];
      expect([created, used, idle, end].map((time) => new Date(time).toISOString())).toEqual([
        created,
        used,
        idle,
        end,
      ]);
      expect(Date.parse(idle)).toBeLessThanOrEqual(Date.parse(end));
    }
  });

  it("GET /bff/sessions contains the device name and no other part of the User-Agent", async () => {
    const browser = system.browser();
    const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const callback = await browser.loginAtProvider();
    await browser.navigate(callback, { "sec-fetch-site": "cross-site", "user-agent": agent });
    expect((await sessionsOf(browser))[0]).toMatchObject({ current: true, device: "Firefox on Linux" });
    const stored = await system.gateway.store.read(sessionKeyOf(cookieOf(browser)));
    expect(stored!.session).not.toContain("Gecko");
  });

  it("I1: contains no session id, key, token or provider sid", async () => {
    const [first, second] = await loggedIn("alice", 2);
    const text = await (await first!.fetch("/bff/sessions")).text();
    for (const browser of [first!, second!]) {
      const key = sessionKeyOf(cookieOf(browser));
      const { session } = (await system.gateway.store.read(key))!;
      const { providerSid } = JSON.parse(session) as { providerSid: string };
      for (const secret of [cookieOf(browser), key, providerSid]) expect(text).not.toContain(secret);
    }
    const [each] = await sessionsOf(first!);
    expect(Object.keys(each!).toSorted()).toEqual(
      ["createdAt", "current", "device", "expiresAt", "id", "idleExpiresAt", "lastUsedAt"].toSorted(),
    );
  });

  it("GET /bff/sessions does not slide the session", async () => {
    const [browser] = await loggedIn();
    const before = await system.gateway.store.readWithTimes(sessionKeyOf(cookieOf(browser!)));
    await sessionsOf(browser!);
    const after = await system.gateway.store.readWithTimes(sessionKeyOf(cookieOf(browser!)));
    expect(after!.idleExpiresInMs).toBeLessThanOrEqual(before!.idleExpiresInMs);
    expect(after!.usedAgoMs).toBeGreaterThanOrEqual(before!.usedAgoMs!);
  });

  it("requests without a session, with an ended one or from another site are rejected", async () => {
    const anonymous = await system.browser().fetch("/bff/sessions");
    expect([anonymous.status, await anonymous.json()]).toMatchObject([401, { code: "session_missing" }]);
    const [ended, other] = await loggedIn("alice", 2);
    await remove(other!, `/bff/sessions/${await handleOf(ended!)}`);
    for (const [method, path] of [
      ["GET", "/bff/sessions"],
      ["DELETE", "/bff/sessions"],
      ["DELETE", "/bff/sessions/AAAAAAAAAAAAAAAA"],
    ] as const) {
      const response = await ended!.fetch(path, { method });
      expect([response.status, await response.json()], path).toMatchObject([401, { code: "session_revoked" }]);
      const foreign = await other!.fetch(path, { method, headers: { "sec-fetch-site": "cross-site" } });
      expect(foreign.status, path).toBe(403);
      expect((await other!.fetch(path, { method, headers: { "x-csrf": "" } })).status, path).toBe(403);
    }
    expect(await userOf(other!)).toBeDefined();
  });
});

describe("DELETE /bff/sessions/{id}", () => {
  it("DELETE /bff/sessions/{id} ends the session at once on every instance and no other session", async () => {
    await startOver();
    const [mine, lost] = await loggedIn("alice", 2);
    expect((await lost!.fetch("/api/x")).status).toBe(200);
    const handle = await handleOf(lost!);
    expect((await remove(mine!, `/bff/sessions/${handle}`)).status).toBe(204);
    for (const gateway of system.gateways) {
      lost!.useInstance(gateway.origin);
      const response = await lost!.fetch("/api/x");
      expect([response.status, await response.json()]).toMatchObject([401, { code: "session_revoked" }]);
      expect(await userOf(lost!)).toBeUndefined();
    }
    expect((await sessionsOf(mine!)).map(({ current }) => current)).toEqual([true]);
    expect(system.gateway.events("session_ended").at(-1)).toMatchObject({ session: handle, reason: "revoked" });
    expect(system.gateway.events("session_revoked").at(-1)).toMatchObject({ session: handle });
  });

  it("DELETE /bff/sessions/{id} is idempotent on every instance, for the same user only", async () => {
    const [mine, lost] = await loggedIn("alice", 2);
    const [admin] = await loggedIn("admin");
    const handle = await handleOf(lost!);
    for (const { origin } of [...system.gateways, ...system.gateways]) {
      mine!.useInstance(origin);
      expect((await remove(mine!, `/bff/sessions/${handle}`)).status).toBe(204);
    }
    expect((await remove(admin!, `/bff/sessions/${handle}`)).status).toBe(404);
    expect(await userOf(mine!)).toBeDefined();
  });

  it("I3: a handle of another user is 404", async () => {
    const [alice] = await loggedIn("alice");
    const [admin] = await loggedIn("admin");
    const response = await remove(admin!, `/bff/sessions/${await handleOf(alice!)}`);
    expect([response.status, await response.json()]).toMatchObject([404, { code: "not_found" }]);
    expect(await userOf(alice!)).toBeDefined();
  });

  it("I3: a session of another user in the user's index is 404", async () => {
    const [alice] = await loggedIn("alice");
    const [admin] = await loggedIn("admin");
    const key = sessionKeyOf(cookieOf(alice!));
    const issuer = system.provider.issuer;
    const subject = system.provider.user("admin")!.sub;
    const { userIndex } = await import("../../src/session/indexes.ts");
    const entry = { key, maxMs: 60_000, issuedAtSeconds: Math.floor(Date.now() / 1000) };
    await system.gateway.store.addToIndex(userIndex({ issuer, subject }), entry);
    const handle = await handleOf(alice!);
    expect((await sessionsOf(admin!)).map(({ id }) => id)).not.toContain(handle);
    expect((await remove(admin!, `/bff/sessions/${handle}`)).status).toBe(404);
  });

  it("the handle of the current session logs the browser out", async () => {
    const [browser] = await loggedIn();
    const response = await remove(browser!, `/bff/sessions/${await handleOf(browser!)}`);
    expect(response.status).toBe(200);
    expect(((await response.json()) as { location: string }).location).toMatch(/\/bff\/logout\/provider$/);
    expect(browser!.cookies.has("__Host-Http-session")).toBe(false);
  });

  it.each(["x", "%2e%2e", "AAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAA%2F", "a".repeat(2_000)])(
    "an unknown handle is rejected: %s",
    async (name) => {
      const [browser] = await loggedIn();
      expect([400, 404]).toContain((await remove(browser!, `/bff/sessions/${name}`)).status);
      expect(await userOf(browser!)).toBeDefined();
    },
  );

  it("I2: requests in flight do not restore the ended session", async () => {
    const [mine, lost] = await loggedIn("alice", 2);
    const handle = await handleOf(lost!);
    const slow = Array.from({ length: 10 }, (_, n) => lost!.fetch(`/api/in-flight?n=${n}&holdMs=300`));
    await expect.poll(() => system.received.filter((each) => each.url.includes("in-flight")).length).toBe(10);
    await remove(mine!, `/bff/sessions/${handle}`);
    for (const response of await Promise.all(slow)) expect(response.headers.getSetCookie()).toEqual([]);
    expect((await lost!.fetch("/api/x")).status).toBe(401);
  });
});

describe("DELETE /bff/sessions", () => {
  it("DELETE /bff/sessions ends all sessions of the user, the current one by a logout, and no session of another user", async () => {
    await startOver();
    const browsers = await loggedIn("alice", 3);
    const [admin] = await loggedIn("admin");
    const cookies = browsers.map(cookieOf);
    const response = await remove(browsers[0]!, "/bff/sessions");
    expect(response.status).toBe(200);
    expect(response.headers.get("clear-site-data")).toContain("storage");
    expect(((await response.json()) as { location: string }).location).toMatch(/\/bff\/logout\/provider$/);
    expect(browsers[0]!.cookies.has("__Host-Http-session")).toBe(false);
    for (const [n, cookie] of cookies.entries()) {
      browsers[n]!.cookies.set("__Host-Http-session", cookie);
      browsers[n]!.useInstance(system.gateways[1]!.origin);
      const rejected = await browsers[n]!.fetch("/api/x");
      expect([rejected.status, await rejected.json()]).toMatchObject([401, { code: "session_revoked" }]);
    }
    expect(await userOf(admin!)).toBeDefined();
    expect(system.gateway.events("logout_everywhere").at(-1)).toMatchObject({ count: 3 });
  });

  it("the user can log in again at once", async () => {
    const [browser] = await loggedIn();
    await remove(browser!, "/bff/sessions");
    expect((await browser!.login()).status).toBe(303);
    expect(await userOf(browser!)).toBeDefined();
  });

  it("DELETE /bff/sessions is 503 without effect while Redis is down, and succeeds afterwards", async () => {
    const [browser] = await loggedIn();
    await system.redis.kill();
    const response = await remove(browser!, "/bff/sessions");
    expect(response.status).toBe(503);
    expect(response.headers.getSetCookie()).toEqual([]);
    await system.redis.start();
    await expect.poll(async () => (await remove(browser!, "/bff/sessions")).status, { timeout: 10_000 }).toBe(200);
  });
});
