// Event streams without the route: over the memory store and a real connection.
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createEventStreams } from "../../src/session/live/event-streams.ts";
import { createLiveConnections } from "../../src/session/live/live-connections.ts";
import { STREAMS_PER_SESSION, STREAMS_PER_USER } from "../../src/session/live/event-stream-quota.ts";
import { createSharedQuota } from "../../src/lib/shared-quota.ts";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";

const newKey = () => randomBytes(32).toString("base64url");
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start({ maxStreams = 100, ...options }: { maxStreams?: number; heartbeatMs?: number } = {}) {
  const store = createMemoryStore();
  const live = createLiveConnections({ store, log: silentLog });
  const streams = createEventStreams({ live, quota: createSharedQuota(maxStreams), now: store.nowMs, ...options });
  const server: Server = createServer((request, response) => {
    try {
      const [, key = "", user = key] = request.url!.split("/");
      streams.open({ key, user }, response);
    } catch (error) {
      response.writeHead(500).end((error as { code: string }).code);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
    () => live.close(),
    () => store.close(),
  );
  const open = async (key: string) => {
    const leaving = new AbortController();
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${key}`, {
      signal: leaving.signal,
    });
    const stream = { text: "", isOver: false, status: response.status, leave: () => leaving.abort() };
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const read = async (): Promise<void> => {
      const { done, value } = await reader.read();
      if (done) return void (stream.isOver = true);
      stream.text += value;
      return read();
    };
    void read().catch(() => (stream.isOver = true));
    return stream;
  };
  const create = async (limits: { idleMs?: number; maxMs?: number } = {}) => {
    const key = newKey();
    await store.create({ key, session: "{}", tokens: "sealed", idleMs: 60_000, maxMs: 120_000, ...limits });
    return key;
  };
  return { store, streams, open, create };
}

const names = (text: string) => [...text.matchAll(/^event: (.+)$/gm)].map(([, name]) => name);
const fieldsOf = (text: string, name: string) =>
  JSON.parse(new RegExp(`event: ${name}\\ndata: (.+)\\n`).exec(text)![1]!) as Record<string, string>;

it("a session near its end sends session-expiring with its times, then session-ended", async () => {
  const { open, create } = await start();
  const stream = await open(await create({ idleMs: 800, maxMs: 60_000 }));
  const openedAtMs = Date.now();
  await expect.poll(() => stream.isOver, { timeout: 5_000 }).toBe(true);
  expect(names(stream.text)).toEqual(["session-expiring", "session-ended"]);
  const { idleExpiresAt, expiresAt } = fieldsOf(stream.text, "session-expiring");
  expect(Date.parse(idleExpiresAt!) - openedAtMs).toBeLessThanOrEqual(1_000);
  expect(Date.parse(expiresAt!) - openedAtMs).toBeGreaterThan(50_000);
  expect(fieldsOf(stream.text, "session-ended")).toEqual({ reason: "expired", code: "session_expired" });
});

it("a session that is used after session-expiring sends session-extended", async () => {
  const { store, open, create } = await start();
  const key = await create({ idleMs: 3_000 });
  const stream = await open(key);
  await expect.poll(() => names(stream.text), { timeout: 5_000 }).toEqual(["session-expiring"]);
  await store.slide(key);
  await expect.poll(() => names(stream.text), { timeout: 8_000 }).toContain("session-extended");
}, 20_000);

it("a session far from its end sends no event", async () => {
  const { open, create } = await start({ heartbeatMs: 100 });
  const stream = await open(await create());
  await expect.poll(() => stream.text).toContain(":\n\n");
  expect(names(stream.text)).toEqual([]);
});

it("the retry time is a few seconds, and longer after session-ended", async () => {
  const { store, open, create } = await start();
  const key = await create();
  const stream = await open(key);
  await expect.poll(() => stream.text).toMatch(/^retry: [1-4]\d{3}\n\n/);
  await store.end(key, "logout");
  await expect.poll(() => stream.text).toMatch(/retry: 60000\nevent: session-ended\n/);
});

it("streams per session are limited, and closing one releases its quota", async () => {
  const { streams, open, create } = await start();
  const [key, other] = [await create(), await create()];
  const opened = await Promise.all(Array.from({ length: STREAMS_PER_SESSION }, () => open(key)));
  const rejected = await open(key);
  await expect.poll(() => rejected.text).toBe("too_many_connections");
  expect((await open(other)).status).toBe(200);
  opened[0]!.leave();
  await expect.poll(() => streams.count()).toBe(STREAMS_PER_SESSION);
  expect((await open(key)).status).toBe(200);
});

it("streams per user are limited over all sessions, and other users can still open one", async () => {
  const { streams, open, create } = await start({ maxStreams: 1_000 });
  const keys = await Promise.all(Array.from({ length: STREAMS_PER_USER / STREAMS_PER_SESSION + 1 }, () => create()));
  const opened = await Promise.all(
    Array.from({ length: STREAMS_PER_USER }, (_, index) => open(`${keys[index % keys.length]!}/alice`)),
  );
  const rejected = await open(`${keys[0]!}/alice`);
  await expect.poll(() => rejected.text).toBe("too_many_connections");
  expect((await open(`${await create()}/admin`)).status).toBe(200);
  opened[0]!.leave();
  await expect.poll(() => streams.count()).toBe(STREAMS_PER_USER);
  expect((await open(`${keys[0]!}/alice`)).status).toBe(200);
});

it("a browser that disconnects during the lookup of its session uses no quota", async () => {
  const { streams, create } = await start();
  const gone = Object.assign(new EventEmitter(), { destroyed: true, writeHead() {}, write: () => false, end() {} });
  streams.open({ key: await create(), user: "alice" }, gone as unknown as ServerResponse);
  expect(streams.count()).toBe(0);
});

it("streams per process are limited", async () => {
  const { open, create } = await start({ maxStreams: 2 });
  await open(await create());
  await open(await create());
  const rejected = await open(await create());
  await expect.poll(() => rejected.text).toBe("too_many_connections");
});

it("a graceful shutdown ends all streams, and new ones at once", async () => {
  const { streams, open, create } = await start();
  const key = await create();
  const stream = await open(key);
  streams.drain();
  await expect.poll(() => stream.isOver).toBe(true);
  const late = await open(key);
  await expect.poll(() => late.isOver).toBe(true);
  expect(late.status).toBe(200);
  expect(names(stream.text + late.text)).toEqual([]);
  await expect.poll(() => streams.count()).toBe(0);
});

it("a stream that is not read is closed at the next heartbeat and releases its quota", async () => {
  const { streams, create } = await start({ heartbeatMs: 100 });
  // Simulates Node's write buffer: the kernel would buffer megabytes of heartbeats first.
  const stalled = Object.assign(new EventEmitter(), {
    ...{ writableLength: 0, writableEnded: false, destroyed: false },
    ...{ writeHead() {}, write: () => false, end() {} },
    destroy() {
      stalled.destroyed = true;
      stalled.emit("close");
    },
  });
  streams.open({ key: await create(), user: "alice" }, stalled as unknown as ServerResponse);
  expect(streams.count()).toBe(1);
  stalled.writableLength = 20_000;
  await expect.poll(() => stalled.destroyed).toBe(true);
  expect(streams.count()).toBe(0);
});
