import { expect, test } from "vitest";
import type { Outcome } from "../src/server/request.ts";
import { type Who, whoOf } from "../src/server/user.ts";
import { createSessionStore } from "../src/session/session-store.ts";

const ok = (value: Who): Outcome<Who> => ({ kind: "ok", value });
const nobody = ok({ kind: "nobody" });
const user = (sub: string, endsAtMs = 1_000_000) =>
  ok(whoOf({ user: { sub }, session: { expiresAt: new Date(endsAtMs).toISOString() } }));

/** A store with a clock of its own whose questions are answered one by one. */
function startStore() {
  const questions: { answer: (outcome: Outcome<Who>) => void; signal: AbortSignal }[] = [];
  const timers: { waitMs: number; run: () => void }[] = [];
  const seen = { nowMs: 0, startedOver: 0 };
  const store = createSessionStore({
    askUser: (signal) => new Promise((answer) => questions.push({ answer, signal })),
    nowMs: () => seen.nowMs,
    random: () => 0.5,
    after: (waitMs, run) => {
      const timer = { waitMs, run };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
    startOver: () => (seen.startedOver += 1),
  });
  async function answer(outcome: Outcome<Who>, index = questions.length - 1): Promise<void> {
    questions[index]!.answer(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { store, questions, timers, seen, answer, kind: () => store.snapshot().who.kind };
}

test("the gateway is asked once however many ask at once", async () => {
  const { store, questions, answer, kind } = startStore();
  const asked = Promise.all([store.known(), store.known(), store.check()]);
  await answer(user("u1"));
  await asked;
  await store.known();
  expect(questions).toHaveLength(1);
  expect(kind()).toBe("user");
});

test("an outage is not a logout, and heals by itself", async () => {
  const { store, timers, answer, kind } = startStore();
  void store.known();
  await answer(user("u1"));
  void store.check();
  await answer({ kind: "offline" });
  expect(kind()).toBe("user");
  expect(store.snapshot().trouble?.kind).toBe("offline");
  timers.at(-1)!.run();
  await answer(user("u1"));
  expect(store.snapshot().trouble).toBeNull();
});

test("an answer from before the logout does not bring the user back", async () => {
  const { store, questions, answer, kind } = startStore();
  void store.known();
  await answer(user("u1"));
  void store.check();
  store.forget();
  await answer(user("u1"), 1);
  expect(kind()).toBe("nobody");
  expect(questions[1]!.signal.aborted).toBe(true);
});

test("another user means a fresh page", async () => {
  const { store, seen, answer } = startStore();
  void store.known();
  await answer(user("u1"));
  void store.check();
  await answer(user("u2"));
  expect(seen.startedOver).toBe(1);
  expect(store.snapshot().who).toMatchObject({ user: { sub: "u1" } });
});

test("a session that ran out says so, one that vanished says that", async () => {
  const ranOut = startStore();
  void ranOut.store.known();
  await ranOut.answer(user("u1", 60_000));
  ranOut.seen.nowMs = 61_000;
  expect(ranOut.timers.at(-1)!.waitMs).toBeGreaterThanOrEqual(60_000);
  ranOut.timers.at(-1)!.run();
  await ranOut.answer(nobody);
  expect(ranOut.store.snapshot().ended).toBe("session_expired");

  const vanished = startStore();
  void vanished.store.known();
  await vanished.answer(user("u1"));
  void vanished.store.check();
  await vanished.answer(nobody);
  expect(vanished.store.snapshot().ended).toBe("session_missing");
});

test("a stranger has no session that could have ended", async () => {
  const { store, answer } = startStore();
  void store.known();
  await answer(nobody);
  expect(store.snapshot().ended).toBeNull();
});

test("a page from the back button shows nobody until the gateway has answered", async () => {
  const { store, answer, kind } = startStore();
  void store.known();
  await answer(user("u1"));
  void store.conceal();
  expect(kind()).toBe("unknown");
  await answer(nobody);
  expect(kind()).toBe("nobody");
});

test("a clock that disagrees with the gateway does not make a page ask all the time", async () => {
  const { store, seen, timers, answer } = startStore();
  seen.nowMs = 900_000;
  void store.known();
  await answer(user("u1", 60_000));
  expect(timers.at(-1)!.waitMs).toBeGreaterThanOrEqual(15_000);
});
