// GET /bff/events over two instances on one Redis.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { newSessionId, sessionKeyOf } from "../../src/session/session.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2, env: { SESSION_IDLE_SECONDS: "600" } });
});
afterAll(() => system.stop());

const json = { accept: "application/json" };
const ended = (text: string) => /event: session-ended\ndata: (.+)\n/.exec(text)?.[1];

describe("GET /bff/events", () => {
  it("a logout sends session-ended to all streams of the session on every instance and ends them", async () => {
    const [here, there] = system.gateways;
    const [browser, other] = [system.browser("alice", here), system.browser("admin", here)];
    await browser.login();
    await other.login();
    const tabs = await Promise.all([here!, here!, there!, there!].map((at) => openStream(browser, at, "/bff/events")));
    const others = await openStream(other, there!, "/bff/events");
    expect(tabs.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(tabs[0]!.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    await browser.fetch("/bff/logout", { method: "POST", headers: json });
    await expect.poll(() => tabs.map((tab) => tab.outcome()), { timeout: 5_000 }).toEqual(tabs.map(() => "complete"));
    expect(new Set(tabs.map((tab) => ended(tab.text())))).toEqual(
      new Set(['{"reason":"logout","code":"session_revoked"}']),
    );
    expect([others.outcome(), ended(others.text())]).toEqual([undefined, undefined]);
    others.close();
  });

  it("a session ended from another browser receives session-ended with reason revoked", async () => {
    const [here, there] = system.gateways;
    const [laptop, phone] = [system.browser("alice", here), system.browser("alice", there)];
    await laptop.login();
    await phone.login();
    const tab = await openStream(phone, there!, "/bff/events");
    await laptop.fetch("/bff/sessions", { method: "DELETE" });
    await expect.poll(() => ended(tab.text())).toBe('{"reason":"revoked","code":"session_revoked"}');
  });

  it.each([
    ["that ended before", "logout"],
    ["that never existed", "expired"],
  ])("a stream of a session %s receives session-ended at once and ends", async (_which, reason) => {
    const [here] = system.gateways;
    const sessionId = newSessionId();
    if (reason === "logout") await here!.store.end(sessionKeyOf(sessionId), "logout");
    const tab = await openStream({ cookies: new Map([[SESSION_COOKIE, sessionId]]) }, here!, "/bff/events");
    await expect.poll(() => ended(tab.text())).toContain(`"reason":"${reason}"`);
    await expect.poll(() => tab.outcome()).toBe("complete");
  });

  it("a request without a session cookie is 401, so that an EventSource does not reconnect", async () => {
    const tab = await openStream({ cookies: new Map() }, system.gateway, "/bff/events");
    await expect.poll(() => tab.text()).toContain('"code":"session_missing"');
    expect(tab.status).toBe(401);
  });

  it.each([
    ["from another site", { "sec-fetch-site": "cross-site" }],
    ["from a sibling host", { "sec-fetch-site": "same-site" }],
    ["without the Accept header of an EventSource and without X-CSRF", { accept: "*/*" }],
  ])("a stream requested %s is 403", async (_how, headers) => {
    const browser = system.browser();
    await browser.login();
    expect((await openStream(browser, system.gateway, "/bff/events", headers)).status).toBe(403);
  });

  it("an open stream does not slide the session", async () => {
    const browser = system.browser();
    await browser.login();
    const key = sessionKeyOf(browser.cookies.get(SESSION_COOKIE)!);
    const { store } = system.gateway;
    await expect.poll(async () => (await store.readWithTimes(key))!.usedAgoMs).toBeGreaterThan(500);
    const before = (await store.readWithTimes(key))!;
    const readAtMs = performance.now();
    const tab = await openStream(browser, system.gateway, "/bff/events");
    await expect.poll(() => tab.text()).toContain("retry:");
    await browser.fetch("/bff/user");
    // Compared with the elapsed time, because on a busy machine a slide could be older than `before`.
    const passedMs = performance.now() - readAtMs;
    const after = (await store.readWithTimes(key))!;
    expect(after.usedAgoMs).toBeGreaterThan(before.usedAgoMs! + passedMs - 100);
    expect(after.idleExpiresInMs).toBeLessThan(before.idleExpiresInMs - passedMs + 100);
    tab.close();
  });

  it("I1: a stream contains no session id, token or sid", async () => {
    const browser = system.browser();
    await browser.login();
    const sessionId = browser.cookies.get(SESSION_COOKIE)!;
    const tab = await openStream(browser, system.gateway, "/bff/events");
    await browser.fetch("/bff/logout", { method: "POST", headers: json });
    await expect.poll(() => tab.outcome()).toBe("complete");
    const seen = tab.text() + JSON.stringify(tab.headers);
    expect(seen).not.toContain(sessionId);
    expect(seen).not.toContain(sessionKeyOf(sessionId));
  });

  it("I5, I8: while the store is unavailable a stream ends at once with a retry time and uses no quota", async () => {
    const browser = system.browser();
    await browser.login();
    const before = await openStream(browser, system.gateway, "/bff/events");
    await expect.poll(() => before.text()).toContain("retry:");
    await system.redis.kill();
    await expect.poll(async () => (await browser.fetch("/bff/user")).status).toBe(503);
    const strangers = Array.from({ length: 20 }, () => ({ cookies: new Map([[SESSION_COOKIE, newSessionId()]]) }));
    const during = await Promise.all(
      [browser, ...strangers].map((each) => openStream(each, system.gateway, "/bff/events")),
    );
    await expect.poll(() => during.map((tab) => tab.outcome())).toEqual(during.map(() => "complete"));
    for (const { status, text, headers } of during) {
      expect([status, headers["set-cookie"]]).toEqual([200, undefined]);
      expect(text()).toMatch(/^retry: [3-8]\d{3}\n\n$/);
    }
    expect(before.outcome()).toBeUndefined();
    await system.redis.start();
    await expect.poll(async () => (await browser.fetch("/bff/user")).status, { timeout: 10_000 }).toBe(200);
    const after = await openStream(browser, system.gateway, "/bff/events");
    await browser.fetch("/bff/logout", { method: "POST", headers: json });
    await expect
      .poll(() => [before, after].map((tab) => ended(tab.text())), { timeout: 10_000 })
      .toEqual([expect.stringContaining('"reason":"logout"'), expect.stringContaining('"reason":"logout"')]);
  });

  it("streams of unknown sessions do not count against MAX_EVENT_STREAMS", async () => {
    const small = await startTestSystem({ env: { MAX_EVENT_STREAMS: "1" } });
    const strangers = Array.from({ length: 5 }, () => ({ cookies: new Map([[SESSION_COOKIE, newSessionId()]]) }));
    const tabs = await Promise.all(strangers.map((each) => openStream(each, small.gateway, "/bff/events")));
    expect(tabs.map(({ status }) => status)).toEqual(tabs.map(() => 200));
    await small.stop();
  });
});
