import { expect, test } from "vitest";
import type { Outcome } from "../src/outcome.ts";
import { type DefaultClaims, type UserResponse, anonymous, parseUserResponse } from "../src/user.ts";
import { createSessionStore } from "../src/session-store.ts";

type UserOutcome = Outcome<UserResponse<DefaultClaims>>;
const ok = (value: UserResponse<DefaultClaims>): UserOutcome => ({ kind: "ok", value });
const loggedOut = ok({ auth: anonymous(), sub: null });
const user = (sub: string, endsAtMs = 1_000_000) =>
  ok(parseUserResponse({ user: { sub }, session: { expiresAt: new Date(endsAtMs).toISOString() } }));

/** A store with a fake clock, whose requests are responded to one by one. */
function startStore() {
  const requests: { respond: (outcome: UserOutcome) => void; signal: AbortSignal }[] = [];
  const timers: { delayMs: number; run: () => void }[] = [];
  const fake = { nowMs: 0, reloads: 0 };
  const store = createSessionStore<DefaultClaims>({
    fetchUser: (signal) => new Promise((respond) => requests.push({ respond, signal })),
    clock: {
      nowMs: () => fake.nowMs,
      random: () => 0.5,
      setTimer: (delayMs, run) => {
        const timer = { delayMs, run };
        timers.push(timer);
        return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
      },
    },
    onUserChanged: () => (fake.reloads += 1),
  });
  async function respond(outcome: UserOutcome, index = requests.length - 1): Promise<void> {
    requests[index]!.respond(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { store, requests, timers, fake, respond, kind: () => store.getState().status };
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
  expect(store.getState().error?.failure.kind).toBe("offline");
  timers.at(-1)!.run();
  await respond(user("u1"));
  expect(store.getState().error).toBeNull();
});

test("a response to a check from before the logout is ignored", async () => {
  const { store, requests, respond, kind } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  store.clear();
  await respond(user("u1"), 1);
  expect(kind()).toBe("anonymous");
  expect(requests[1]!.signal.aborted).toBe(true);
});

test("a login of another user is reported once, and the page keeps its user", async () => {
  const { store, fake, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  await respond(user("u2"));
  expect(fake.reloads).toBe(1);
  expect(store.getState()).toMatchObject({ user: { sub: "u1" }, hasUserChanged: true, isChecking: false });
});

test("a session that ended at its expiry time has the end reason session_expired", async () => {
  const { store, timers, fake, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1", 60_000));
  fake.nowMs = 61_000;
  expect(timers.at(-1)!.delayMs).toBeGreaterThanOrEqual(60_000);
  timers.at(-1)!.run();
  await respond(loggedOut);
  expect(store.getState().endReason).toBe("session_expired");
});

test("a session that ended before its expiry time has the end reason session_missing", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.check();
  await respond(loggedOut);
  expect(store.getState().endReason).toBe("session_missing");
});

test("a first check without a session sets no end reason", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(loggedOut);
  expect(store.getState().endReason).toBeNull();
});

test("a page restored from the back-forward cache hides the user until the check completes", async () => {
  const { store, respond, kind } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  void store.restore();
  expect(kind()).toBe("unknown");
  await respond(loggedOut);
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
  await respond(loggedOut);
  expect(store.getState().renderedSub).toBe("u1");
  store.end("session_expired", 0);
  expect(store.getState().renderedSub).toBe("u1");
  store.clear();
  expect(store.getState().renderedSub).toBeNull();
});

test("a login of another user is reported once for several checks, and no longer counts when the user is back", async () => {
  const { store, fake, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  for (const expected of [1, 1]) {
    void store.check();
    await respond(user("u2"));
    expect(fake.reloads).toBe(expected);
  }
  void store.check();
  await respond(user("u1"));
  expect(store.getState().hasUserChanged).toBe(false);
});

const withHandle = (sub: string, id: string) => ok(parseUserResponse({ user: { sub }, session: { id } }));

test("the handle of a page is kept while its data is shown", async () => {
  const { store, respond } = startStore();
  expect(store.handle()).toBeNull();
  void store.ensureLoaded();
  await respond(withHandle("u1", "s1"));
  expect(store.handle()).toBe("s1");
  store.end("session_expired", 1);
  expect(store.handle()).toBe("s1");
  void store.restore();
  expect(store.handle()).toBe("s1");
  await respond(withHandle("u2", "s2"));
  expect(store.handle()).toBe("s1");
  void store.check();
  await respond(withHandle("u1", "s3"));
  expect(store.handle()).toBe("s3");
  store.clear();
  expect(store.handle()).toBeNull();
});

test("a session without a handle is not named", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  expect(store.handle()).toBeNull();
});

test("a paused store has no timer, and continues when it is resumed", async () => {
  const { store, timers, requests, respond } = startStore();
  store.pause();
  void store.ensureLoaded();
  await respond(user("u1", 60_000));
  void store.check();
  await respond({ kind: "offline" });
  expect(timers).toHaveLength(0);
  store.resume();
  expect(requests).toHaveLength(3);
  await respond(user("u1", 60_000));
  expect(timers).toHaveLength(1);
  store.pause();
  expect(timers).toHaveLength(0);
});

test("a seeded state is known before the first check, and does not replace a known one", async () => {
  const { store, requests } = startStore();
  const seeded = withHandle("u1", "s1");
  if (seeded.kind === "ok") store.seed(seeded.value);
  expect([store.getState().status, store.handle(), requests.length]).toEqual(["authenticated", "s1", 0]);
  store.seed({ auth: anonymous(), sub: null });
  expect(store.getState().status).toBe("authenticated");
});

test("an unconfirmed logout no longer counts as failed when the session turns out to have ended", async () => {
  const { store, respond } = startStore();
  void store.ensureLoaded();
  await respond(user("u1"));
  store.setLogout({ kind: "failed", everywhere: false, failure: { kind: "offline" } });
  void store.check();
  await respond(loggedOut);
  expect(store.getState().logout.kind).toBe("idle");
});
