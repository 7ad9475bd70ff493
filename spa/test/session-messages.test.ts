// Whatever order messages, checks and responses come in: the last check starts after the last message, so a tab ends up
// with what the gateway says. The first rows are those of two tabs in which people log in one after the other.
import { describe, expect, test } from "vitest";
import type { Outcome } from "../src/server/request.ts";
import { type Who, whoOf } from "../src/server/user.ts";
import { type TabMessage, tabMessages } from "../src/session/session-news.ts";
import { createSessionStore } from "../src/session/session-store.ts";

type Answer = Outcome<Who>;
const ok = (value: Who): Answer => ({ kind: "ok", value });
const loggedOut = ok({ kind: "nobody" });
const alice = ok(whoOf({ user: { sub: "alice" }, session: { id: "s1" } }));
const aliceAgain = ok(whoOf({ user: { sub: "alice" }, session: { id: "s2" } }));
const bob = ok(whoOf({ user: { sub: "bob" }, session: { id: "s3" } }));
const outage: Answer = { kind: "offline" };

/** A tab of alice's beside a gateway whose response holds what was true when the check arrived there. */
async function startTab() {
  let nowMs = 0;
  let truth = alice;
  const seen = { startedAtMs: [] as number[], startedOver: 0 };
  const responses: (() => void)[] = [];
  let timers: { atMs: number; run: () => void }[] = [];
  const store = createSessionStore({
    askUser: () => {
      seen.startedAtMs.push(nowMs);
      const answer = truth;
      return new Promise((resolve) => responses.push(() => resolve(answer)));
    },
    nowMs: () => nowMs,
    random: () => 0.5,
    after: (waitMs, run) => {
      const timer = { atMs: nowMs + waitMs, run };
      timers.push(timer);
      return () => void (timers = timers.filter((each) => each !== timer));
    },
    startOver: () => (seen.startedOver += 1),
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const tab = {
    store,
    seen,
    now: () => nowMs,
    becomes: (next: Answer) => void (truth = next),
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
    /** At most a few rounds: a store that checks for ever fails the test. */
    finish: async () => {
      for (let round = 0; round < 4; round += 1) {
        await tab.respond();
        await tab.wait(1_500);
      }
    },
  };
  void store.known();
  await tab.respond();
  await tab.wait(60_000);
  return tab;
}

type Tab = Awaited<ReturnType<typeof startTab>>;
const checks = (tab: Tab) => tab.seen.startedAtMs.length;
const shown = (tab: Tab) => {
  if (tab.seen.startedOver > 0) return "a fresh page";
  const { who, ended } = tab.store.snapshot();
  return who.kind === "user" ? `${who.user.sub} ${who.session.handle}` : `${who.kind}, ${ended}`;
};

const ends = [
  { now: "bob", truth: bob, expected: "a fresh page" },
  { now: "alice in a new session", truth: aliceAgain, expected: "alice s2" },
];

/** Each brings the tab to the moment at which the last message arrives. */
const moments: Readonly<Record<string, (tab: Tab) => Promise<void>>> = {
  "while a check is in flight": async (tab) => {
    tab.becomes(loggedOut);
    void tab.store.receive("ended: session_revoked");
    await tab.wait(20);
  },
  "1 ms after a response": async (tab) => {
    tab.becomes(loggedOut);
    void tab.store.receive("ended: session_revoked");
    await tab.respond();
    await tab.wait(1);
  },
  "299 ms after a check": async (tab) => {
    tab.becomes(loggedOut);
    void tab.store.receive("ended: session_revoked");
    await tab.respond();
    await tab.wait(299);
  },
  "301 ms after a check": async (tab) => {
    tab.becomes(loggedOut);
    void tab.store.receive("ended: session_revoked");
    await tab.respond();
    await tab.wait(301);
  },
  "while a check without a reason is in flight": async (tab) => {
    void tab.store.check();
    await tab.wait(20);
  },
  "while a slow check is in flight": async (tab) => {
    void tab.store.check();
    await tab.wait(5_000);
  },
  "while an earlier message waits for its turn": async (tab) => {
    tab.becomes(loggedOut);
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
  "right after a check that failed": async (tab) => {
    tab.becomes(outage);
    void tab.store.check();
    await tab.respond();
  },
  "while a check that will fail is in flight": async (tab) => {
    tab.becomes(outage);
    void tab.store.check();
  },
  "after a 401 of the API": async (tab) => {
    tab.becomes(loggedOut);
    tab.store.end("session_revoked", tab.now());
    await tab.wait(1);
  },
  "in a page that the back button has shown": async (tab) => void tab.store.conceal(),
  "in a tab that has logged out": async (tab) => tab.store.forget(),
};

const shownAfterLogout = (expected: string) => (expected === "a fresh page" ? "bob s3" : expected);

for (const [moment, arrive] of Object.entries(moments))
  describe(`a message that arrives ${moment}`, () => {
    test.each(tabMessages.flatMap((message) => ends.map((end) => ({ message, ...end }))))(
      "$message: the tab shows $now",
      async ({ message, truth, expected }) => {
        const tab = await startTab();
        await arrive(tab);
        tab.becomes(truth);
        const before = checks(tab);
        void tab.store.receive(message);
        await tab.finish();
        expect(checks(tab)).toBeGreaterThan(before);
        // Who logged out in this tab has left nothing on it that a fresh page must remove.
        expect(shown(tab)).toBe(moment === "in a tab that has logged out" ? shownAfterLogout(expected) : expected);
      },
    );
  });

test.each(tabMessages)("%s about a session that is gone leaves the tab logged out, with a reason", async (message) => {
  const tab = await startTab();
  void tab.store.check();
  tab.becomes(loggedOut);
  void tab.store.receive(message);
  await tab.finish();
  expect(shown(tab)).toMatch(/^nobody, \w+/);
  expect(tab.store.snapshot().ended).not.toBeNull();
});

test("a burst of messages costs at most one check per 300 ms", async () => {
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

describe("a 401 of an API request", () => {
  const rows: readonly { name: string; arrive: (tab: Tab) => Promise<number>; checksAgain: boolean }[] = [
    {
      name: "sent before the check that found the new session",
      arrive: async (tab) => {
        const sentAtMs = tab.now();
        await tab.wait(50);
        tab.becomes(aliceAgain);
        void tab.store.receive("changed");
        await tab.respond();
        return sentAtMs;
      },
      checksAgain: true,
    },
    {
      name: "that arrives while the check of a message is in flight",
      arrive: async (tab) => {
        tab.becomes(aliceAgain);
        void tab.store.receive("changed");
        await tab.wait(1);
        return tab.now();
      },
      checksAgain: true,
    },
    {
      name: "that arrives while a message waits for its check",
      arrive: async (tab) => {
        void tab.store.check();
        await tab.respond();
        tab.becomes(aliceAgain);
        void tab.store.receive("changed");
        await tab.wait(10);
        return tab.now();
      },
      checksAgain: true,
    },
    {
      name: "sent after the last check is believed",
      arrive: async (tab) => {
        tab.becomes(loggedOut);
        return tab.now();
      },
      checksAgain: false,
    },
  ];
  test.each(rows)("$name", async ({ arrive, checksAgain }) => {
    const tab = await startTab();
    const sentAtMs = await arrive(tab);
    const before = checks(tab);
    tab.store.end("session_revoked", sentAtMs);
    expect(shown(tab)).toBe("nobody, session_revoked");
    await tab.finish();
    expect(checks(tab) > before).toBe(checksAgain);
    expect(shown(tab)).toBe(checksAgain ? "alice s2" : "nobody, session_revoked");
  });
});

const warnings: readonly { name: string; messages: readonly TabMessage[]; truth: Answer; isExpiring: boolean }[] = [
  { name: "shows", messages: ["expiring"], truth: alice, isExpiring: true },
  { name: "goes when the end moves away", messages: ["expiring", "extended"], truth: alice, isExpiring: false },
  { name: "goes with its session", messages: ["expiring", "changed"], truth: aliceAgain, isExpiring: false },
];

test.each(warnings)("the warning of a near end $name", async ({ messages, truth, isExpiring }) => {
  const tab = await startTab();
  for (const message of messages) {
    void tab.store.receive(message);
    await tab.respond();
    tab.becomes(truth);
  }
  await tab.finish();
  expect(tab.store.snapshot().isExpiring).toBe(isExpiring);
});

test("a warning that arrives before the first response is not lost", async () => {
  const tab = await startTab();
  void tab.store.conceal();
  void tab.store.receive("expiring");
  await tab.finish();
  expect(tab.store.snapshot().isExpiring).toBe(true);
});

test("a received reason outlives a check that fails", async () => {
  const tab = await startTab();
  tab.becomes(outage);
  void tab.store.receive("ended: provider_logout");
  await tab.respond();
  tab.becomes(loggedOut);
  await tab.finish();
  expect(shown(tab)).toBe("nobody, provider_logout");
});
