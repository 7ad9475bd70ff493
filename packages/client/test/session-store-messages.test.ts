// Messages that arrive before, during and after checks. The last check always starts after the last message, so a tab
// ends up in the gateway's state.
import { describe, expect, test } from "vitest";
import type { Outcome } from "../src/outcome.ts";
import { type DefaultClaims, type UserResponse, anonymous, parseUserResponse } from "../src/user.ts";
import { type TabMessage, tabMessages } from "../src/session-messages.ts";
import { createSessionStore } from "../src/session-store.ts";

type UserOutcome = Outcome<UserResponse<DefaultClaims>>;
const ok = (value: UserResponse<DefaultClaims>): UserOutcome => ({ kind: "ok", value });
const loggedOut = ok({ auth: anonymous(), sub: null });
const alice = ok(parseUserResponse({ user: { sub: "alice" }, session: { id: "s1" } }));
const aliceInNewSession = ok(parseUserResponse({ user: { sub: "alice" }, session: { id: "s2" } }));
const bob = ok(parseUserResponse({ user: { sub: "bob" }, session: { id: "s3" } }));
const outage: UserOutcome = { kind: "offline" };

/** A tab in which alice is logged in, and a fake gateway that responds with its state at the time of the request. */
async function startTab() {
  let nowMs = 0;
  let gatewayState = alice;
  const recorded = { checks: 0, reloads: 0 };
  const responses: (() => void)[] = [];
  let timers: { atMs: number; run: () => void }[] = [];
  const store = createSessionStore<DefaultClaims>({
    fetchUser: () => {
      recorded.checks += 1;
      const outcome = gatewayState;
      return new Promise((resolve) => responses.push(() => resolve(outcome)));
    },
    clock: {
      nowMs: () => nowMs,
      random: () => 0.5,
      setTimer: (delayMs, run) => {
        const timer = { atMs: nowMs + delayMs, run };
        timers.push(timer);
        return () => void (timers = timers.filter((each) => each !== timer));
      },
    },
    onUserChanged: () => (recorded.reloads += 1),
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const tab = {
    store,
    recorded,
    now: () => nowMs,
    setGateway: (next: UserOutcome) => void (gatewayState = next),
    respond: async () => {
      for (const respond of responses.splice(0)) respond();
      await settled();
    },
    wait: async (ms: number) => {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined || next.atMs > untilMs) break;
        timers = timers.filter((each) => each !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.run();
        await settled();
      }
      nowMs = untilMs;
    },
    /** A few rounds only: a store that keeps checking fails the test. */
    finish: async () => {
      for (let round = 0; round < 4; round += 1) {
        await tab.respond();
        await tab.wait(1_500);
      }
    },
  };
  void store.ensureLoaded();
  await tab.respond();
  await tab.wait(60_000);
  return tab;
}

type Tab = Awaited<ReturnType<typeof startTab>>;
const checks = (tab: Tab) => tab.recorded.checks;
const shown = (tab: Tab) => {
  if (tab.recorded.reloads > 0) return "reloaded";
  const state = tab.store.getState();
  return state.status === "authenticated"
    ? `${state.user.sub} ${state.session.handle}`
    : `${state.status}, ${state.endReason}`;
};

const messages = [...new Set(tabMessages)];
const logins = [
  { login: "bob", outcome: bob, expected: "reloaded" },
  { login: "alice in a new session", outcome: aliceInNewSession, expected: "alice s2" },
];

/** Bring the tab to the moment at which the message arrives. */
const moments: Readonly<Record<string, (tab: Tab) => Promise<void>>> = {
  "while a check is in flight": async (tab) => {
    tab.setGateway(loggedOut);
    void tab.store.receive("session_revoked");
    await tab.wait(20);
  },
  "1 ms after a response": async (tab) => {
    tab.setGateway(loggedOut);
    void tab.store.receive("session_revoked");
    await tab.respond();
    await tab.wait(1);
  },
  "299 ms after a check": async (tab) => {
    tab.setGateway(loggedOut);
    void tab.store.receive("session_revoked");
    await tab.respond();
    await tab.wait(299);
  },
  "301 ms after a check": async (tab) => {
    tab.setGateway(loggedOut);
    void tab.store.receive("session_revoked");
    await tab.respond();
    await tab.wait(301);
  },
  "while a check without an end reason is in flight": async (tab) => {
    void tab.store.check();
    await tab.wait(20);
  },
  "while a slow check is in flight": async (tab) => {
    void tab.store.check();
    await tab.wait(5_000);
  },
  "while the check of an earlier message is delayed": async (tab) => {
    tab.setGateway(loggedOut);
    void tab.store.check();
    await tab.respond();
    void tab.store.receive("changed");
    await tab.wait(100);
  },
  "while the check of an earlier message is in flight": async (tab) => {
    void tab.store.receive("changed");
    await tab.wait(10);
    void tab.store.receive("changed");
    await tab.wait(10);
  },
  "after a failed check": async (tab) => {
    tab.setGateway(outage);
    void tab.store.check();
    await tab.respond();
  },
  "while a check that fails later is in flight": async (tab) => {
    tab.setGateway(outage);
    void tab.store.check();
  },
  "after a 401 of the API": async (tab) => {
    tab.setGateway(loggedOut);
    tab.store.end("session_revoked", tab.now());
    await tab.wait(1);
  },
  "in a page restored from the back-forward cache": async (tab) => void tab.store.restore(),
  "in a tab that has logged out": async (tab) => tab.store.clear(),
};

for (const [moment, arrive] of Object.entries(moments))
  describe(`a message that arrives ${moment}`, () => {
    test.each(messages.flatMap((message) => logins.map((login) => ({ message, ...login }))))(
      'the message "$message" makes the tab show the login of $login',
      async ({ message, outcome, expected }) => {
        const tab = await startTab();
        await arrive(tab);
        tab.setGateway(outcome);
        const before = checks(tab);
        void tab.store.receive(message);
        await tab.finish();
        expect(checks(tab)).toBeGreaterThan(before);
        // After a logout in this tab nothing of alice is left on the page, so bob's login needs no reload.
        const needsNoReload = moment === "in a tab that has logged out" && expected === "reloaded";
        expect(shown(tab)).toBe(needsNoReload ? "bob s3" : expected);
      },
    );
  });

test.each(messages)(
  'the message "%s" about an ended session leaves the tab logged out with an end reason',
  async (message) => {
    const tab = await startTab();
    void tab.store.check();
    tab.setGateway(loggedOut);
    void tab.store.receive(message);
    await tab.finish();
    expect(shown(tab)).toMatch(/^anonymous, \w+/);
    expect(tab.store.getState().endReason).not.toBeNull();
  },
);

test("a burst of messages causes at most one check per 300 ms", async () => {
  const tab = await startTab();
  const before = checks(tab);
  for (let count = 0; count < 100; count += 1) {
    void tab.store.receive("changed");
    await tab.respond();
    await tab.wait(9);
  }
  await tab.finish();
  expect(checks(tab) - before).toBeLessThanOrEqual(5);
});

const unauthorizedResponses: readonly { name: string; arrive: (tab: Tab) => Promise<number>; checksAgain: boolean }[] =
  [
    {
      name: "to a request sent before the last check is verified by another check",
      arrive: async (tab) => {
        const sentAtMs = tab.now();
        await tab.wait(50);
        tab.setGateway(aliceInNewSession);
        void tab.store.receive("changed");
        await tab.respond();
        return sentAtMs;
      },
      checksAgain: true,
    },
    {
      name: "that arrives while the check of a message is in flight is verified by another check",
      arrive: async (tab) => {
        tab.setGateway(aliceInNewSession);
        void tab.store.receive("changed");
        await tab.wait(1);
        return tab.now();
      },
      checksAgain: true,
    },
    {
      name: "that arrives while the check of a message is delayed is verified by another check",
      arrive: async (tab) => {
        void tab.store.check();
        await tab.respond();
        tab.setGateway(aliceInNewSession);
        void tab.store.receive("changed");
        await tab.wait(10);
        return tab.now();
      },
      checksAgain: true,
    },
    {
      name: "to a request sent after the last check ends the session without another check",
      arrive: async (tab) => {
        tab.setGateway(loggedOut);
        return tab.now();
      },
      checksAgain: false,
    },
  ];
test.each(unauthorizedResponses)("a 401 $name", async ({ arrive, checksAgain }) => {
  const tab = await startTab();
  const sentAtMs = await arrive(tab);
  const before = checks(tab);
  tab.store.end("session_revoked", sentAtMs);
  expect(shown(tab)).toBe("anonymous, session_revoked");
  await tab.finish();
  expect(checks(tab) > before).toBe(checksAgain);
  expect(shown(tab)).toBe(checksAgain ? "alice s2" : "anonymous, session_revoked");
});

const warnings: readonly {
  name: string;
  messages: readonly TabMessage[];
  outcome: UserOutcome;
  isExpiring: boolean;
}[] = [
  { name: "is shown", messages: ["expiring"], outcome: alice, isExpiring: true },
  {
    name: "disappears when the session is extended",
    messages: ["expiring", "extended"],
    outcome: alice,
    isExpiring: false,
  },
  {
    name: "disappears when a new session replaces its session",
    messages: ["expiring", "changed"],
    outcome: aliceInNewSession,
    isExpiring: false,
  },
];

test.each(warnings)("the expiry warning $name", async ({ messages, outcome, isExpiring }) => {
  const tab = await startTab();
  for (const message of messages) {
    void tab.store.receive(message);
    await tab.respond();
    tab.setGateway(outcome);
  }
  await tab.finish();
  expect(tab.store.getState().isExpiring).toBe(isExpiring);
});

test("an expiry warning that arrives during the first check is kept", async () => {
  const tab = await startTab();
  void tab.store.restore();
  void tab.store.receive("expiring");
  await tab.finish();
  expect(tab.store.getState().isExpiring).toBe(true);
});

test("a reported end reason survives a failed check", async () => {
  const tab = await startTab();
  tab.setGateway(outage);
  void tab.store.receive("provider_logout");
  await tab.respond();
  tab.setGateway(loggedOut);
  await tab.finish();
  expect(shown(tab)).toBe("anonymous, provider_logout");
});
