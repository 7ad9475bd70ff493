// Several tabs of one browser: one event stream, one state, and no request in the name of another user.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { SessionEvent } from "../src/session-messages.ts";
import { createBrowser, createGateway, settled } from "./support/fake-browser.ts";

afterEach(() => void vi.useRealTimers());

/** A browser in which alice is logged in, with started tabs that show her. */
async function openTabs(count: number) {
  const browser = createBrowser();
  const gateway = createGateway(browser);
  gateway.logIn("alice", "s1");
  const tabs = Array.from({ length: count }, () => browser.openTab({ url: "/profile" }));
  const stops = tabs.map(({ client }) => client.start());
  await browser.wait(1_000);
  const status = () => tabs.map(({ state }) => `${state().status} ${state().user?.sub ?? state().endReason}`);
  return { browser, gateway, tabs, stops, status };
}

test("three tabs share one event stream", async () => {
  const { browser, status } = await openTabs(3);
  expect(browser.openStreams().map(({ url }) => url)).toEqual(["/bff/events"]);
  expect(status()).toEqual(["authenticated alice", "authenticated alice", "authenticated alice"]);
});

test("another tab opens the stream when the tab that has it stops", async () => {
  const { browser, stops } = await openTabs(3);
  stops[0]?.();
  await settled();
  expect(browser.openStreams()).toHaveLength(1);
  stops[1]?.();
  stops[2]?.();
  await settled();
  expect(browser.openStreams()).toEqual([]);
});

test("an event of the gateway reaches every tab", async () => {
  const { browser, gateway, tabs, status } = await openTabs(3);
  const received: SessionEvent[][] = tabs.map(() => []);
  for (const [at, { client }] of tabs.entries()) client.onEvent((event) => received[at]?.push(event));
  browser.openStreams()[0]?.emit("session-expiring");
  await browser.wait(1_000);
  expect(tabs.map(({ state }) => state().isExpiring)).toEqual([true, true, true]);
  gateway.logOut();
  browser.openStreams()[0]?.emit("session-ended", { reason: "provider_logout" });
  await browser.wait(1_000);
  expect(status()).toEqual(tabs.map(() => "anonymous provider_logout"));
  const expected = [{ type: "expiring" }, { type: "ended", reason: "provider_logout" }];
  expect(received).toEqual(tabs.map(() => expected));
  expect(browser.openStreams()).toEqual([]);
});

test("an event about a session that a login has replaced ends nothing", async () => {
  const { browser, gateway, tabs, status } = await openTabs(2);
  gateway.logIn("alice", "s2");
  browser.openStreams()[0]?.emit("session-ended", { reason: "replaced" });
  await browser.wait(1_000);
  expect(status()).toEqual(["authenticated alice", "authenticated alice"]);
  expect(tabs.map(({ state }) => state().session?.handle)).toEqual(["s2", "s2"]);
  expect(browser.openStreams()).toHaveLength(1);
});

test("a rejected stream is opened again after 15 to 30 seconds, and the session is checked", async () => {
  const { browser } = await openTabs(1);
  const checks = browser.checks();
  browser.openStreams()[0]?.reject();
  await browser.wait(14_000);
  expect([browser.openStreams().length, browser.checks() - checks]).toEqual([0, 1]);
  await browser.wait(16_000);
  expect(browser.openStreams()).toHaveLength(1);
});

test("a tab without Web Locks or BroadcastChannel works without events", async () => {
  const browser = createBrowser();
  createGateway(browser).logIn("alice", "s1");
  const { BroadcastChannel: _none, ...change } = { BroadcastChannel: undefined, navigator: {} };
  const tab = browser.openTab({ change });
  tab.client.start();
  await browser.wait(1_000);
  expect([tab.state().status, browser.openStreams()]).toEqual(["authenticated", []]);
});

test("a logout in one tab logs out the others", async () => {
  const { browser, tabs, status } = await openTabs(2);
  await tabs[0]?.client.logout();
  await browser.wait(1_000);
  expect(status()).toEqual(["anonymous null", "anonymous logged_out_elsewhere"]);
});

test("a login in one tab is shown by the others", async () => {
  const browser = createBrowser();
  const gateway = createGateway(browser);
  const open = browser.openTab();
  open.client.start();
  await browser.wait(1_000);
  expect(open.state().status).toBe("anonymous");
  gateway.logIn("alice", "s1");
  browser.openTab().client.start();
  await browser.wait(1_000);
  expect(open.state()).toMatchObject({ status: "authenticated", user: { sub: "alice" } });
});

describe("after a login of another user in a second tab", () => {
  const requests = ["GET", "POST", "PUT", "PATCH", "DELETE"];

  test.each(requests)(
    "a %s of a tab that has not noticed it has no effect, and the tab is reloaded",
    async (method) => {
      const { browser, gateway, tabs } = await openTabs(1);
      // The stale tab is frozen in the background: no message has reached it.
      gateway.logIn("bob", "s2");
      const response = await tabs[0]?.client.fetch("/api/orders", { method });
      expect(response?.status).toBe(409);
      await browser.wait(1_000);
      expect(gateway.effects).toEqual([]);
      expect(tabs[0]?.reloads()).toBe(1);
      expect(tabs[0]?.state()).toMatchObject({ hasUserChanged: true, user: { sub: "alice" } });
    },
  );

  test("a tab whose session had ended before still cannot act as the other user", async () => {
    const { gateway, tabs } = await openTabs(1);
    gateway.logOut();
    await tabs[0]?.client.check();
    expect(tabs[0]?.state().status).toBe("anonymous");
    gateway.logIn("bob", "s2");
    const response = await tabs[0]?.client.fetch("/api/orders", { method: "POST" });
    expect([response?.status, gateway.effects]).toEqual([409, []]);
  });

  test("the logout, the list and the end of sessions of a stale tab do not concern the other user", async () => {
    const { gateway, tabs } = await openTabs(1);
    gateway.logIn("bob", "s2");
    const { client, visited } = tabs[0]!;
    const failure = { kind: "problem", problem: expect.objectContaining({ code: "session_changed" }) };
    expect(await client.logout()).toEqual(failure);
    expect(await client.logout({ everywhere: true })).toEqual(failure);
    expect(await client.sessions.list()).toEqual(failure);
    expect(await client.sessions.end("s2")).toEqual(failure);
    expect(visited).toEqual([]);
  });

  test("an open tab is reloaded by the message of the new page", async () => {
    const { browser, gateway, tabs } = await openTabs(2);
    gateway.logIn("bob", "s2");
    browser.openTab().client.start();
    await browser.wait(1_000);
    expect(tabs.map(({ reloads }) => reloads())).toEqual([1, 1]);
  });

  test("an app that does not reload is informed once, and no request of the page has an effect", async () => {
    const changes: unknown[] = [];
    const browser = createBrowser();
    const gateway = createGateway(browser);
    gateway.logIn("alice", "s1");
    const tab = browser.openTab({ onUserChanged: (change) => changes.push(change) });
    tab.client.start();
    await browser.wait(1_000);
    gateway.logIn("bob", "s2");
    for (let count = 0; count < 3; count += 1) {
      expect((await tab.client.fetch("/api", { method: "POST" })).status).toBe(409);
      await browser.wait(1_000);
    }
    expect([changes, tab.reloads(), gateway.effects]).toEqual([[{ renderedSub: "alice", sub: "bob" }], 0, []]);
  });
});

test("after a login of the same user, the page names the new session and continues", async () => {
  const { browser, gateway, tabs } = await openTabs(1);
  gateway.logIn("alice", "s2");
  const { client, reloads } = tabs[0]!;
  expect((await client.fetch("/api", { method: "POST" })).status).toBe(409);
  await browser.wait(1_000);
  expect((await client.fetch("/api", { method: "POST" })).status).toBe(200);
  expect([gateway.effects, reloads()]).toEqual([["alice: POST /api"], 0]);
});
