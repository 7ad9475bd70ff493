// The Redis connections of a process are shared by its applications: their number does not grow with the applications, each
// application receives its own messages only, and a failure of one leaves the others working.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applicationId } from "../../src/lib/application-id.ts";
import { connectRedisServer, type RedisServer } from "../../src/store/redis/redis-server.ts";
import { createApplicationStore } from "../../src/store/redis/redis-store.ts";
import type { FeedState, SessionKey, Store } from "../../src/store/store.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { Redis } from "ioredis";

let redis: TestRedis;
let server: RedisServer;
let admin: Redis;
/** The connections are not reopened for one application, which takes a wait to observe. */
const LONGER_THAN_FIRST_RETRY_MS = 800;
const limits = { session: "{}", tokens: "sealed", idleMs: 60_000, maxMs: 60_000 };

beforeEach(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
});
afterEach(async () => {
  server.close();
  admin.disconnect();
  await redis.stop();
});

type Listening = {
  store: Store;
  ended: SessionKey[];
  changed: SessionKey[];
  state: () => FeedState | undefined;
  /** Number of times that any record may have changed. */
  gaps: () => number;
};

function listen(id: string): Listening {
  const store = createApplicationStore(server, applicationId(id));
  const ended: SessionKey[] = [];
  const changed: SessionKey[] = [];
  let state: FeedState | undefined;
  let gaps = 0;
  store.onSessionEnd({ onEnd: (key) => ended.push(key), onResubscribe() {} });
  store.subscribeInvalidations?.({
    changed: (key) => changed.push(key),
    anyChanged: () => (gaps += 1),
    onState: (next) => (state = next),
  });
  return { store, ended, changed, state: () => state, gaps: () => gaps };
}

const isWorking = ({ store, state }: Listening) =>
  store.subscriptionError() === undefined && state()?.kind === "connected";
const untilWorking = (...apps: Listening[]) =>
  expect.poll(() => apps.map(isWorking), { timeout: 5_000 }).toEqual(apps.map(() => true));
const openConnections = async () =>
  String(await admin.client("LIST"))
    .trim()
    .split("\n").length - 1;
const connect = (url: string) => {
  server = connectRedisServer({ url, timeoutMs: 1_000 });
};
/** A user who may do everything except use the channels or keys of the application `other`. */
async function urlOfRestrictedUser(rules: string): Promise<string> {
  await admin.call("ACL", "SETUSER", "gateway", "on", ">secret", "+@all", ...rules.split(" "));
  const url = new URL(redis.url);
  return `redis://gateway:secret@${url.host}`;
}

describe("the shared connections", () => {
  it("twelve applications use three connections", async () => {
    connect(redis.url);
    const apps = Array.from({ length: 12 }, (_, index) => listen(`app-${index}`));
    await untilWorking(...apps);
    expect(await openConnections()).toBe(3);
  });

  it("an application receives the ends and invalidations of its own sessions only", async () => {
    connect(redis.url);
    // One id is a prefix of another.
    const apps = [listen("shop"), listen("shop-2"), listen("s")];
    await untilWorking(...apps);
    for (const [index, { store }] of apps.entries()) {
      await store.create({ key: `key-${index}`, ...limits });
      await store.end(`key-${index}`, "revoked");
    }
    await expect.poll(() => apps.map(({ ended }) => ended)).toEqual([["key-0"], ["key-1"], ["key-2"]]);
    await expect
      .poll(() => apps.map(({ changed }) => [...new Set(changed)]))
      .toEqual([["key-0"], ["key-1"], ["key-2"]]);
  });

  it("an application that is added later receives invalidations, and the others lose none", async () => {
    connect(redis.url);
    const first = listen("first");
    await untilWorking(first);
    const gaps = first.gaps();
    const second = listen("second");
    await untilWorking(first, second);
    // The new prefix needs a new connection, so the first application dropped its cache.
    expect(first.gaps()).toBeGreaterThan(gaps);
    for (const { store } of [first, second]) {
      await store.create({ key: "key", ...limits });
      await store.end("key", "revoked");
    }
    await expect.poll(() => [first, second].map(({ changed }) => changed.includes("key"))).toEqual([true, true]);
  });

  it("a closed application leaves the others connected, and its id can be used again", async () => {
    connect(redis.url);
    const [first, second] = [listen("first"), listen("second")];
    await untilWorking(first, second);
    await second.store.close();
    const again = listen("second");
    await untilWorking(first, again);
    await again.store.create({ key: "key", ...limits });
    await again.store.end("key", "revoked");
    await expect.poll(() => again.ended).toEqual(["key"]);
    expect(second.ended).toEqual([]);
  });

  it.each([
    ["first", "other"],
    ["other", "first"],
  ])(
    "missing permissions for the channel of one of the applications %s and %s affect that one only",
    async (...ids) => {
      connect(await urlOfRestrictedUser("~* &__redis__:invalidate &cloakroom:first:*"));
      const apps = ids.map(listen);
      const [first, other] = ids[0] === "first" ? apps : apps.toReversed();
      await untilWorking(first!);
      const connections = () => admin.client("LIST", "TYPE", "PUBSUB");
      const idsOf = (list: unknown) => [...String(list).matchAll(/^id=(\d+)/gm)].map(([, id]) => id);
      const before = idsOf(await connections());
      await sleep(LONGER_THAN_FIRST_RETRY_MS);
      expect(idsOf(await connections())).toEqual(before);
      expect(first!.store.subscriptionError()).toBeUndefined();
      expect(other!.store.subscriptionError()).toMatch(/&cloakroom:other:\*/);
      await admin.call("ACL", "SETUSER", "gateway", "&*");
      await untilWorking(first!, other!);
    },
  );

  it("missing permissions for the keys of one application affect its cache only", async () => {
    connect(await urlOfRestrictedUser("&* %R~* ~cloakroom:first:*"));
    const [other, first] = [listen("other"), listen("first")];
    await untilWorking(first);
    await expect.poll(() => other.state()?.kind).toBe("disconnected");
    const gaps = first.gaps();
    await sleep(LONGER_THAN_FIRST_RETRY_MS);
    expect(first.gaps()).toBe(gaps);
    await first.store.create({ key: "key", ...limits });
    await first.store.end("key", "revoked");
    await expect.poll(() => first.changed).toContain("key");
  });

  it("after a restart of Redis all applications work again", async () => {
    connect(redis.url);
    const apps = [listen("first"), listen("second"), listen("third")];
    await untilWorking(...apps);
    await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
    await expect.poll(() => apps.map(({ gaps }) => gaps() > 0)).toEqual([true, true, true]);
    await untilWorking(...apps);
  });
});
