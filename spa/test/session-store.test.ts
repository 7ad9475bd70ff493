import { expect, test } from "vitest";
import type { Outcome } from "../src/server/request.ts";
import { type Auth, parseUserResponse } from "../src/server/user.ts";
import { createSessionStore } from "../src/session/session-store.ts";

const ok = (value: Auth): Outcome<Auth> => ({ kind: "ok", value });
const anonymous = ok({ kind: "anonymous" });
const user = (sub: string, endsAtMs = 1_000_000) =>
  ok(parseUserResponse({ user: { sub }, session: { expiresAt: new Date(endsAtMs).toISOString() } }));

/** A store with a fake clock, whose requests are responded to one by one. */
function startStore() {
  const requests: { respond: (outcome: Outcome<Auth>) => void; signal: AbortSignal }[] = [];
  const timers: { delayMs: number; run: () => void }[] = [];
  const fake = { nowMs: 0, reloads: 0 };
  const store = createSessionStore({
    fetchUser: (signal) => new Promise((respond) => requests.push({ respond, signal })),
    nowMs: () => fake.nowMs,
    random: () => 0.5,
    setTimer: (delayMs, run) => {
      const timer = { delayMs, run };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
    reloadPage: () => (fake.reloads += 1),
  });
  async function respond(outcome: Outcome<Auth>, index = requests.length - 1): Promise<void> {
    requests[index]!.respond(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { store, requests, timers, fake, respond, kind: () => store.snapshot().auth.kind };
}

test("concurrent checks share one request", async () => {
  const { store, requests, respond, kind } = startStore();
  const checks = Promise.all([store.ensureLoaded(), store.ensureLoaded(), store.check()]);
  await respond(user("u1"));
  await checks;
  await store.ensureLoaded();
  expect(requests).toHaveLength(1);
  expect(kind()).toBe("authenticated");
});

test("a failed check keeps the user logged in, and the retry clears the error", async () => {
  const { store, timers, respond, kind } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  await respond({ kind: "offline" });
  expect(kind()).toBe("authenticated");
  expect(store.snapshot().checkError?.kind).toBe("offline");
  timers.at(-1)!.run();
  await respond(user("u1"));
  expect(store.snapshot().checkError).toBeNull();
});

test("a response to a check from before the logout is ignored", async () => {
  const { store, requests, respond, kind } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  store.markLoggedOut();
  await respond(user("u1"), 1);
  expect(kind()).toBe("anonymous");
  expect(requests[1]!.signal.aborted).toBe(true);
});

test("a login of another user reloads the page", async () => {
  const { store, fake, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  await respond(user("u2"));
  expect(fake.reloads).toBe(1);
  expect(store.snapshot().auth).toMatchObject({ user: { sub: "u1" } });
});

test("a session that ended at its expiry time has the end reason session_expired", async () => {
  const { store, timers, fake, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1", 60_000));
  fake.nowMs = 61_000;
  expect(timers.at(-1)!.delayMs).toBeGreaterThanOrEqual(60_000);
  timers.at(-1)!.run();
  await respond(anonymous);
  expect(store.snapshot().endReason).toBe("session_expired");
});

test("a session that ended before its expiry time has the end reason session_missing", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  await respond(anonymous);
  expect(store.snapshot().endReason).toBe("session_missing");
});

test("a first check without a session sets no end reason", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(anonymous);
  expect(store.snapshot().endReason).toBeNull();
});

test("a page restored from the back-forward cache hides the user until the check completes", async () => {
  const { store, respond, kind } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.hideAndCheck();
  expect(kind()).toBe("unknown");
  await respond(anonymous);
  expect(kind()).toBe("anonymous");
});

test("a session that has expired by this machine's clock is checked at most every 15 seconds", async () => {
  const { store, fake, timers, respond } = startStore();
  fake.nowMs = 900_000;
  void store.ensureLoaded();
  await respond(user("u1", 60_000));
  expect(timers.at(-1)!.delayMs).toBeGreaterThanOrEqual(15_000);
});

test("the user of a page is kept when the session ends, and dropped by a logout in this tab", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  await respond(anonymous);
  expect(store.snapshot().renderedSub).toBe("u1");
  store.markEnded("session_expired", 0);
  expect(store.snapshot().renderedSub).toBe("u1");
  store.markLoggedOut();
  expect(store.snapshot().renderedSub).toBeNull();
});
