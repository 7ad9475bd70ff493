// Administration of sessions on the in-memory store: one run of endAll at a time, and its cut-off.
import { expect, it } from "vitest";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";
import { createAdministration } from "../../src/session/administration.ts";
import { newSessionId, sessionKeyOf } from "../../src/session/session.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";

const HOUR_MS = 3_600_000;

function start() {
  let nowMs = 1_000_000_000_000;
  const memory = createMemoryStore(() => nowMs);
  const gates: { open: () => void; opened: Promise<void> }[] = [];
  let scans = 0;
  const store = {
    ...memory,
    async *listAll() {
      scans += 1;
      await gates.shift()?.opened;
      yield* memory.listAll();
    },
  };
  const sessions = createSessions({ store, log: silentLog, sessionIdleMs: HOUR_MS, sessionMaxMs: HOUR_MS });
  let acknowledged = 0;
  const untilAcknowledged = async () => void (acknowledged += 1);
  const administration = createAdministration({ store, log: silentLog, sessionMaxMs: HOUR_MS, untilAcknowledged });
  return {
    administration,
    store,
    addGate() {
      let open = (): void => undefined;
      const opened = new Promise<void>((resolve) => (open = resolve));
      gates.push({ open, opened });
      return () => open();
    },
    pass: (seconds: number) => (nowMs += seconds * 1_000),
    acknowledged: () => acknowledged,
    scans: () => scans,
    async begin() {
      const sessionId = newSessionId();
      const session = {
        ...{ handle: "handle", issuer: "https://provider.test", subject: "alice", user: {}, roles: [] },
        ...{ createdAtMs: nowMs, issuedAtSeconds: Math.floor(nowMs / 1_000) },
      };
      await sessions.begin({ sessionId, session: JSON.stringify(session), sealedTokens: "sealed" });
      return sessionKeyOf(sessionId);
    },
  };
}

it("an end of all sessions waits for the one in progress and then ends what is newer than that", async () => {
  const { administration, store, addGate, pass, begin, scans } = start();
  const openFirst = addGate();
  const older = await begin();
  const first = administration.endAll(() => undefined);
  await expect.poll(scans).toBe(1);
  pass(2);
  const newer = await begin();
  const counts: number[] = [];
  const later = [1, 2].map(() => administration.endAll((count) => counts.push(count)));
  pass(2);
  const newest = await begin();
  openFirst();
  await first;
  expect(await store.read(older)).toBeUndefined();
  await Promise.all(later);
  expect(await store.read(newer)).toBeUndefined();
  expect(
    counts.reduce((sum, count) => sum + count, 0),
    "each of both callers counts it",
  ).toBeGreaterThanOrEqual(2);
  // Began after the calls; the shared second run began later and may end it as well.
  expect(newest).toHaveLength(43);
});

it("an end of all sessions that fails does not prevent the next one", async () => {
  const { administration, store, begin } = start();
  const key = await begin();
  const { closeIndex } = store;
  store.closeIndex = () => Promise.reject(new Error("down"));
  const failing = createAdministration({
    ...{ store, log: silentLog, sessionMaxMs: HOUR_MS, untilAcknowledged: () => Promise.resolve() },
  });
  await expect(failing.endAll(() => undefined)).rejects.toThrow("down");
  store.closeIndex = closeIndex;
  await failing.endAll(() => undefined);
  await administration.endAll(() => undefined);
  expect(await store.read(key)).toBeUndefined();
});

it("every end is acknowledged by the session caches, also one that finds nothing", async () => {
  const { administration, acknowledged, pass, begin } = start();
  const none = (): void => undefined;
  const user = { issuer: "https://provider.test", subject: "unknown" };
  await administration.endUser(user, none);
  await administration.endProviderSession({ issuer: user.issuer, providerSid: "sid" }, none);
  await administration.endAll(none);
  pass(1);
  await begin();
  await administration.endOne("handle", none);
  expect(acknowledged()).toBe(4);
});
