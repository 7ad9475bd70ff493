// Sliding expiry: how often a used session is slid in the store.
import { expect, it } from "vitest";
import { REMEMBERED_SESSIONS } from "../../src/lib/fifo-cache.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { silentLog, storeSession } from "@cloakroom/testkit/stored-session.ts";

function openSessions() {
  const memory = createMemoryStore();
  const slid: string[] = [];
  let isDown = false;
  const clock = { nowMs: 1_000_000 };
  const slide = async (key: string) => {
    slid.push(key);
    if (isDown) throw new Error("down");
    await memory.slide(key);
  };
  const limits = { sessionIdleMs: 60_000, sessionMaxMs: 60_000 };
  const store = { ...memory, slide };
  const sessions = createSessions({ store, log: silentLog, ...limits, monotonicMs: () => clock.nowMs });
  return { store, sessions, slid, clock, goDown: (down: boolean) => (isDown = down) };
}

it("a session slides once per thirtieth of its idle limit, independently of other sessions", async () => {
  const { store, sessions, slid, clock } = openSessions();
  const { sessionId } = await storeSession(store);
  const found = (await sessions.find(sessionId))!;
  for (let call = 0; call < 5; call++) sessions.keepAlive(found);
  for (let other = 0; other <= REMEMBERED_SESSIONS; other++) {
    const key = sessionKeyOf(`other ${other}`);
    await store.create({ key, ...found.stored, idleMs: 60_000, maxMs: 60_000, tokenLife: "unknown" });
    sessions.keepAlive((await sessions.find(`other ${other}`))!);
  }
  sessions.keepAlive((await sessions.find(sessionId))!);
  expect(slid.filter((key) => key === found.key)).toHaveLength(1);
  clock.nowMs += 2_000;
  sessions.keepAlive(found);
  expect(slid.filter((key) => key === found.key)).toHaveLength(2);
  await store.close();
});

it("a failed slide is repeated by the next request", async () => {
  const { store, sessions, slid, goDown } = openSessions();
  const { sessionId } = await storeSession(store);
  const found = (await sessions.find(sessionId))!;
  goDown(true);
  sessions.keepAlive(found);
  await expect.poll(() => sessions.keepAlive(found) ?? slid.length).toBeGreaterThan(1);
  goDown(false);
  await store.close();
});
