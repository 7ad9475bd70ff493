// Redis implementation of the session store, for one application: keys and channels below its prefix (redis-names.ts), on
// the connections that it shares with the other applications of the process (redis-server.ts).
import { randomBytes } from "node:crypto";
import type { ApplicationId } from "../../lib/application-id.ts";
import { GatewayError } from "../../errors.ts";
import type { RedisClient } from "./redis-connection.ts";
import { redisErrorCode } from "./redis-errors.ts";
import { createRedisNames } from "./redis-names.ts";
import { scanNames, scanStep } from "./redis-scan.ts";
import { parseClaim, type ScriptName } from "./redis-scripts.ts";
import { createRequestCounter } from "./redis-rate-limits.ts";
import { connectRedisServer, type RedisServer, type RedisServerOptions } from "./redis-server.ts";
import type { RedisSubscription } from "./redis-subscriber.ts";
import {
  ACKNOWLEDGED,
  endReasonFrom,
  TOMBSTONE_MS,
  type InvalidationFeed,
  type EndListener,
  type OneTimeClaim,
  type Store,
} from "../store.ts";

/** Opens connections for one application only. `close` closes them as well. */
export function createRedisStore(
  options: RedisServerOptions & { application: ApplicationId },
): Store & { client: RedisClient } {
  const server = connectRedisServer(options);
  const store = createApplicationStore(server, options.application);
  return {
    ...store,
    client: server.client,
    async close() {
      await store.close();
      server.close();
    },
  };
}

/** @param application part of all names (I9). `close` leaves the connections of `server` open. */
// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createApplicationStore(server: RedisServer, application: ApplicationId): Store {
  const { client, attempt, script, runConfirmed, invalidations } = server;
  const names = createRedisNames(application);
  const clock = server.clock(names.clock);
  const holds = async (name: ScriptName, keys: readonly string[], ...args: readonly (string | number)[]) =>
    (await script(name, keys, ...args)) === 1;
  /** Like `runConfirmed`. @throws GatewayError store_unavailable if the replicas do not confirm in time */
  const requireConfirmed = async (name: ScriptName, keys: readonly string[], ...args: readonly (string | number)[]) => {
    const { reply, isConfirmed } = await runConfirmed(name, keys, ...args);
    if (!isConfirmed) throw new GatewayError("store_unavailable", { reason: "no replica confirmed the write in time" });
    return reply;
  };

  const listeners = new Set<EndListener>();
  /** Opened with the first listener: the command line needs none. */
  let subscription: RedisSubscription | undefined;
  let stopListening: (() => void) | undefined;
  let mayPublish = true;
  const notifyResubscribed = (): void => {
    for (const { onResubscribe } of listeners) onResubscribe();
  };
  const subscribe = (): RedisSubscription => {
    // If the subscriber reconnected first, its listeners could not read the store until now: notify them again.
    stopListening = server.onReady(() => (subscription?.isSubscribed() === true ? notifyResubscribed() : undefined));
    return server.subscriber.subscribe(names.endedChannel, {
      onMessage(message) {
        const [key = "", reason] = message.split(" ");
        if (reason !== undefined) for (const { onEnd } of listeners) onEnd(key, endReasonFrom(reason));
      },
      onSubscribed() {
        notifyResubscribed();
        // Scripts ignore PUBLISH errors, so the permission is tested here, with a message that ends no session.
        attempt(() => client.publish(names.endedChannel, "-")).then(
          () => (mayPublish = true),
          (error: unknown) => (mayPublish = !isPermissionError(error)),
        );
      },
    });
  };
  const feeds: InvalidationFeed[] = [];

  return {
    nowMs: clock.nowMs,
    setBackAtMs: clock.setBackAtMs,
    async read(key, known) {
      const revision = known?.revision;
      if (revision !== undefined && (await attempt(() => client.hget(names.session(key), "e"))) === revision)
        return known;
      const [session, tokens, version, mark] = await attempt(() =>
        client.hmget(names.session(key), "s", "t", "v", "e"),
      );
      if (typeof session !== "string" || typeof tokens !== "string") return undefined;
      const stored = { session, tokens, tokenVersion: Number(version) };
      return typeof mark === "string" ? { ...stored, revision: mark } : stored;
    },
    async readWithTimes(key) {
      const reply = await script("readWithTimes", [names.session(key)]);
      if (!Array.isArray(reply)) return undefined;
      const [session, tokens, version, idle, left, used] = reply;
      return {
        session: String(session),
        tokens: String(tokens),
        tokenVersion: Number(version),
        idleExpiresInMs: Number(idle),
        expiresInMs: Number(left),
        usedAgoMs: typeof used === "number" ? Math.max(0, used) : undefined,
      };
    },
    async limitsOf(key) {
      const reply = await script("limitsOfSession", [names.session(key)]);
      if (!Array.isArray(reply)) return undefined;
      const [idleExpiresInMs, expiresInMs, idleMs] = reply.map(Number) as [number, number, number];
      return { idleExpiresInMs, expiresInMs, idleMs };
    },
    async create({ key, session, tokens, idleMs, maxMs, tokenLife = "unknown" }) {
      const keys = [names.session(key), names.tombstone(key)];
      const limits = [idleMs, maxMs, typeof tokenLife === "number" ? tokenLife : ""];
      return (await runConfirmed("createSession", keys, session, tokens, ...limits)).reply === 1;
    },
    async slide(key) {
      await script("slideSession", [names.session(key)]);
    },
    async end(key, reason) {
      const keys = [names.session(key), names.tombstone(key)];
      const args = [reason, TOMBSTONE_MS, names.endedChannel, `${key} ${reason}`];
      // Ends without a confirmation to a requester, such as a session replaced by a login, do not fail without replicas.
      const session = ACKNOWLEDGED.has(reason)
        ? await requireConfirmed("endSession", keys, ...args)
        : (await runConfirmed("endSession", keys, ...args)).reply;
      return typeof session === "string" ? session : undefined;
    },
    async endReason(key) {
      const reason = await attempt(() => client.get(names.tombstone(key)));
      return reason === null ? undefined : endReasonFrom(reason);
    },
    onSessionEnd(listener) {
      listeners.add(listener);
      subscription ??= subscribe();
      return () => void listeners.delete(listener);
    },
    subscriptionError: () =>
      subscription === undefined || (subscription.isSubscribed() && mayPublish)
        ? undefined
        : subscriptionErrorText(names.aclPattern),

    claimRefresh: async (key, { owner, tokenVersion, leaseMs, graceMs }) =>
      parseClaim(await script("claimRefresh", [names.session(key)], owner, tokenVersion, leaseMs, graceMs)),
    renewRefresh: (key, owner, leaseMs) => holds("renewRefresh", [names.session(key)], owner, leaseMs),
    async saveTokens(key, owner, tokens, { life = "unchanged", session = "" } = {}) {
      const args = [owner, tokens, life === "unknown" ? "" : life, session];
      return (await runConfirmed("saveTokens", [names.session(key)], ...args)).reply === 1;
    },
    saveSession: (key, tokenVersion, session) =>
      holds("saveSession", [names.session(key)], tokenVersion, session, randomBytes(18).toString("base64url")),
    async releaseRefresh(key, owner, outcome) {
      await script("releaseRefresh", [names.session(key)], owner, outcome);
    },
    async acquireRefreshSlot({ intervalMs, maxWaitMs }) {
      const slot = await script("acquireRefreshSlot", [names.refreshSlots], intervalMs, maxWaitMs);
      const [acquired, waitMs] = slot as number[];
      return { isAcquired: acquired === 1, waitMs: Number(waitMs) };
    },
    countRequest: createRequestCounter(names, script),

    addToIndex: (name, { key, maxMs, issuedAtSeconds }) =>
      holds("addToIndex", [names.index(name), names.closed(name)], key, maxMs, issuedAtSeconds),
    async removeFromIndex(name, key) {
      await attempt(() => client.zrem(names.index(name), key));
    },
    listIndex: (name) => attempt(() => client.zrange(names.index(name), "0", "-1")),
    async closeIndex(name, { issuedAtSeconds, ttlMs }) {
      const keys = await requireConfirmed(
        "closeIndex",
        [names.index(name), names.closed(name)],
        issuedAtSeconds ?? "*",
        ttlMs,
      );
      return Array.isArray(keys) ? keys.map(String) : [];
    },
    async isClosed(name, issuedAtSeconds) {
      const closed = await attempt(() => client.get(names.closed(name)));
      return closed !== null && (closed === "*" || issuedAtSeconds <= Number(closed));
    },
    async *listAll() {
      for await (const found of scanNames(client, attempt, names.anySession))
        yield found.map(names.keyOfSession).filter((key) => key !== undefined);
    },
    async scanSessions(position) {
      const step = await scanStep(client, attempt, { pattern: names.anySession, position });
      return { keys: step.names.map(names.keyOfSession).filter((key) => key !== undefined), next: step.next };
    },
    markUsed: async (purpose, hash, ttlMs) =>
      (await attempt(() => client.set(names.used(purpose, hash), "1", "PX", ttlMs, "NX"))) === "OK",
    claimOnce: async (purpose, hash, { owner, leaseMs }) =>
      (await script("claimOnce", [names.used(purpose, hash)], owner, leaseMs)) as OneTimeClaim,
    completeClaim: async (purpose, hash, ttlMs) =>
      void (await attempt(() => client.set(names.used(purpose, hash), "1", "PX", ttlMs))),
    releaseClaim: async (purpose, hash, owner) =>
      void (await script("releaseClaim", [names.used(purpose, hash)], owner)),

    subscribeInvalidations(listener) {
      const feed = invalidations.subscribe(names, listener);
      feeds.push(feed);
      return feed;
    },

    async check() {
      await clock.untilKnown();
      return server.check();
    },
    async close() {
      clock.close();
      stopListening?.();
      subscription?.close();
      for (const feed of feeds) feed.close();
    },
  };
}

function isPermissionError(error: unknown): boolean {
  return error instanceof Error && redisErrorCode(error.cause) === "NOPERM";
}

function subscriptionErrorText(channels: string): string {
  return (
    "pub/sub is not available, so open streams of ended sessions are closed up to half a minute late. If Redis is " +
    `reachable, allow the user of REDIS_URL the channels &${channels} and the commands publish and subscribe`
  );
}
