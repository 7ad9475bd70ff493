// A user's own sessions: listed by a public handle, ended one by one or all, and never anybody else's.
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
/** The whole user logs out, so that each test begins with none. */
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

describe("the list of sessions", () => {
  it("shows the user's own, newest first, and which one asks", async () => {
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

  it("names the device in words and keeps no more of it", async () => {
    const browser = system.browser();
    const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const callback = await browser.loginAtProvider();
    await browser.navigate(callback, { "sec-fetch-site": "cross-site", "user-agent": agent });
    expect((await sessionsOf(browser))[0]).toMatchObject({ current: true, device: "Firefox on Linux" });
    const stored = await system.gateway.store.read(sessionKeyOf(cookieOf(browser)));
    expect(stored!.session).not.toContain("Gecko");
  });

  it("I1: holds no session id, key, token or provider's sid", async () => {
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

  it("keeps no session alive by being asked for", async () => {
    const [browser] = await loggedIn();
    const before = await system.gateway.store.readWithTimes(sessionKeyOf(cookieOf(browser!)));
    await sessionsOf(browser!);
    const after = await system.gateway.store.readWithTimes(sessionKeyOf(cookieOf(browser!)));
    expect(after!.idleExpiresInMs).toBeLessThanOrEqual(before!.idleExpiresInMs);
    expect(after!.usedAgoMs).toBeGreaterThanOrEqual(before!.usedAgoMs!);
  });

  it("is refused to nobody, to an ended session and to another site", async () => {
    const nobody = await system.browser().fetch("/bff/sessions");
    expect([nobody.status, await nobody.json()]).toMatchObject([401, { code: "session_missing" }]);
    const [ended, other] = await loggedIn("alice", 2);
    await remove(other!, `/bff/sessions/${await handleOf(ended!)}`);
    for (const [method, path] of [
      ["GET", "/bff/sessions"],
      ["DELETE", "/bff/sessions"],
      ["DELETE", "/bff/sessions/AAAAAAAAAAAAAAAA"],
    ] as const) {
      const answer = await ended!.fetch(path, { method });
      expect([answer.status, await answer.json()], path).toMatchObject([401, { code: "session_revoked" }]);
      const foreign = await other!.fetch(path, { method, headers: { "sec-fetch-site": "cross-site" } });
      expect(foreign.status, path).toBe(403);
      expect((await other!.fetch(path, { method, headers: { "x-csrf": "" } })).status, path).toBe(403);
    }
    expect(await userOf(other!)).toBeDefined();
  });
});

describe("ending one session", () => {
  it("ends it at once on every instance and leaves the others alone", async () => {
    await startOver();
    const [mine, lost] = await loggedIn("alice", 2);
    expect((await lost!.fetch("/api/x")).status).toBe(200);
    const handle = await handleOf(lost!);
    expect((await remove(mine!, `/bff/sessions/${handle}`)).status).toBe(204);
    for (const gateway of system.gateways) {
      lost!.useInstance(gateway.origin);
      const answer = await lost!.fetch("/api/x");
      expect([answer.status, await answer.json()]).toMatchObject([401, { code: "session_revoked" }]);
      expect(await userOf(lost!)).toBeUndefined();
    }
    expect((await sessionsOf(mine!)).map(({ current }) => current)).toEqual([true]);
    expect(system.gateway.events("session_ended").at(-1)).toMatchObject({ session: handle, reason: "revoked" });
    expect(system.gateway.events("session_revoked").at(-1)).toMatchObject({ session: handle });
  });

  it("has the same outcome when it is asked for again, at whatever instance, and for its user alone", async () => {
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

  it("I3: cannot reach another user's: to them it does not exist", async () => {
    const [alice] = await loggedIn("alice");
    const [admin] = await loggedIn("admin");
    const answer = await remove(admin!, `/bff/sessions/${await handleOf(alice!)}`);
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: "not_found" }]);
    expect(await userOf(alice!)).toBeDefined();
  });

  it("I3: not even where the store's list of a user names another's session", async () => {
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

  it("of this very browser is its logout", async () => {
    const [browser] = await loggedIn();
    const answer = await remove(browser!, `/bff/sessions/${await handleOf(browser!)}`);
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { location: string }).location).toMatch(/\/bff\/logout\/provider$/);
    expect(browser!.cookies.has("__Host-Http-session")).toBe(false);
  });

  it.each(["x", "%2e%2e", "AAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAA%2F", "a".repeat(2_000)])(
    "of an unknown name is a 404 or refused: %s",
    async (name) => {
      const [browser] = await loggedIn();
      expect([400, 404]).toContain((await remove(browser!, `/bff/sessions/${name}`)).status);
      expect(await userOf(browser!)).toBeDefined();
    },
  );

  it("is not undone by requests of it that were under way", async () => {
    const [mine, lost] = await loggedIn("alice", 2);
    const handle = await handleOf(lost!);
    const slow = Array.from({ length: 10 }, (_, n) => lost!.fetch(`/api/under-way?n=${n}&holdMs=300`));
    await expect.poll(() => system.received.filter((each) => each.url.includes("under-way")).length).toBe(10);
    await remove(mine!, `/bff/sessions/${handle}`);
    for (const response of await Promise.all(slow)) expect(response.headers.getSetCookie()).toEqual([]);
    expect((await lost!.fetch("/api/x")).status).toBe(401);
  });
});

describe("logging out everywhere", () => {
  it("ends all of the user's sessions, this one as a logout does, and no other user's", async () => {
    await startOver();
    const browsers = await loggedIn("alice", 3);
    const [admin] = await loggedIn("admin");
    const cookies = browsers.map(cookieOf);
    const answer = await remove(browsers[0]!, "/bff/sessions");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("clear-site-data")).toContain("storage");
    expect(((await answer.json()) as { location: string }).location).toMatch(/\/bff\/logout\/provider$/);
    expect(browsers[0]!.cookies.has("__Host-Http-session")).toBe(false);
    for (const [n, cookie] of cookies.entries()) {
      browsers[n]!.cookies.set("__Host-Http-session", cookie);
      browsers[n]!.useInstance(system.gateways[1]!.origin);
      const refused = await browsers[n]!.fetch("/api/x");
      expect([refused.status, await refused.json()]).toMatchObject([401, { code: "session_revoked" }]);
    }
    expect(await userOf(admin!)).toBeDefined();
    expect(system.gateway.events("logout_everywhere").at(-1)).toMatchObject({ count: 3 });
  });

  it("lets the user log in again at once", async () => {
    const [browser] = await loggedIn();
    await remove(browser!, "/bff/sessions");
    expect((await browser!.login()).status).toBe(303);
    expect(await userOf(browser!)).toBeDefined();
  });

  it("is a 503 while Redis is down, ends nothing, and works afterwards", async () => {
    const [browser] = await loggedIn();
    await system.redis.kill();
    const answer = await remove(browser!, "/bff/sessions");
    expect(answer.status).toBe(503);
    expect(answer.headers.getSetCookie()).toEqual([]);
    await system.redis.start();
    await expect.poll(async () => (await remove(browser!, "/bff/sessions")).status, { timeout: 10_000 }).toBe(200);
  });
});
