// The gateway's store with the composed system's Redis user and configuration, on a real Redis.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applicationId } from "@cloakroom/gateway/src/lib/application-id.ts";
import { connectRedis } from "@cloakroom/gateway/src/store/redis/redis-connection.ts";
import { createRedisStore } from "@cloakroom/gateway/src/store/redis/redis-store.ts";
import { createAdministration } from "@cloakroom/gateway/src/session/administration.ts";
import { startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";
import { APP_ID, REDIS_COMMANDS, redisUsers } from "../compose/secrets.ts";

const application = applicationId(APP_ID);
const password = randomBytes(24).toString("base64url");
const folder = mkdtempSync(join(tmpdir(), "cloakroom-acl-"));
const opened: (() => unknown)[] = [];
let redis: RedisServer;
let redisArgs: string[];
let url: string;

beforeAll(async () => {
  const users = join(folder, "users.acl");
  writeFileSync(users, redisUsers(password));
  const lines = readFileSync(join(import.meta.dirname, "..", "redis", "redis.conf"), "utf8").split("\n");
  const settings = Object.fromEntries(
    lines
      .filter((line) => /^[a-z]/.test(line))
      .map((line) => [line.split(" ")[0]!, line.split(" ").slice(1).join(" ")]),
  );
  const args = { ...settings, aclfile: users, dir: folder, bind: "127.0.0.1" } as Record<string, string>;
  delete args["port"];
  redisArgs = Object.entries(args).flatMap(([name, value]) => [`--${name}`, value === '""' ? "" : value]);
  redis = await startRedisServer({ args: redisArgs });
  url = `redis://cloakroom:${password}@127.0.0.1:${redis.port}/0`;
});
afterAll(async () => {
  for (const close of opened) close();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function openStore() {
  const store = createRedisStore({ application, url, timeoutMs: 1_000 });
  opened.push(() => store.close());
  await new Promise((ready) => store.client.once("ready", ready));
  return store;
}

describe("the gateway's Redis user", () => {
  it("the gateway's Redis user may run every command of the store", async () => {
    const store = await openStore();
    const key = randomBytes(32).toString("base64url");
    const name = { kind: "user", hash: randomBytes(32).toString("base64url") } as const;
    await store.create({ key, session: "{}", tokens: "sealed", idleMs: 60_000, maxMs: 120_000 });
    expect(await store.read(key)).toMatchObject({ tokens: "sealed" });
    expect(await store.readWithTimes(key)).toBeDefined();
    await store.slide(key);
    expect(await store.claimRefresh(key, { owner: "a", tokenVersion: 1, leaseMs: 5_000, graceMs: 0 })).toMatchObject({
      kind: "claimed",
    });
    expect(await store.renewRefresh(key, "a", 5_000)).toBe(true);
    expect(await store.saveTokens(key, "a", "sealed again")).toBe(true);
    await store.claimRefresh(key, { owner: "b", tokenVersion: 2, leaseMs: 5_000, graceMs: 0 });
    await store.releaseRefresh(key, "b", "unspent");
    expect(await store.addToIndex(name, { key, maxMs: 60_000, issuedAtSeconds: 100 })).toBe(true);
    expect(await store.isClosed(name, 100)).toBe(false);
    expect(await store.closeIndex(name, { issuedAtSeconds: 99, ttlMs: 60_000 })).toEqual([key]);
    await store.removeFromIndex(name, key);
    expect(await store.markUsed("state", name.hash, 60_000)).toBe(true);
    expect(await store.claimOnce("state", name.hash, { owner: "a", leaseMs: 1_000 })).toBe("used");
    await store.releaseClaim("state", name.hash, "a");
    await store.completeClaim("logout-token", name.hash, 1_000);
    const endings: string[] = [];
    await new Promise<void>((listening) =>
      store.onSessionEnd({
        onEnd: (endedKey, reason) => endings.push(`${endedKey} ${reason}`),
        onResubscribe: listening,
      }),
    );
    const states: string[] = [];
    const changed: string[] = [];
    store.subscribeInvalidations!({
      changed: (key) => changed.push(key),
      anyChanged() {},
      onState: ({ kind }) => states.push(kind),
    });
    await expect.poll(() => states).toEqual(["connected"]);
    expect(await store.limitsOf(key)).toBeDefined();
    await store.end(key, "logout");
    expect(await store.endReason(key)).toBe("logout");
    await expect.poll(() => endings).toEqual([`${key} logout`]);
    await expect.poll(() => changed).toContain(key);
    expect(await store.check()).toBeUndefined();
  });

  it.each([
    ["cannot read keys outside its namespace", ["GET", "other:key"]],
    ["cannot write keys outside its namespace", ["SET", "other:key", "x"]],
    ["cannot read keys of another application", ["GET", "cloakroom:shop:{x}:ended"]],
    [
      "cannot read keys of an application whose id has the same prefix",
      ["HGET", `cloakroom:${APP_ID}-2:{x}:session`, "s"],
    ],
    ["cannot read keys of the old format without application ids", ["HGET", "cloakroom:{x}:session", "s"]],
    ["cannot write keys of another application", ["SET", "cloakroom:shop:{x}:ended", "revoked"]],
    ["cannot publish to channels of another application", ["PUBLISH", "cloakroom:shop:session-ended", "x revoked"]],
    ["cannot subscribe to channels of another application", ["SUBSCRIBE", `cloakroom:${APP_ID}-2:session-ended`]],
    ["cannot list keys", ["KEYS", "cloakroom:*"]],
    ["cannot scan keys", ["SCAN", "0"]],
    ["cannot flush databases", ["FLUSHALL"]],
    ["cannot change settings", ["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]],
    ["cannot subscribe to channels outside its namespace", ["SUBSCRIBE", "other"]],
    ["cannot create users", ["ACL", "SETUSER", "other", "on"]],
    ["cannot monitor commands", ["MONITOR"]],
    [
      "cannot read keys outside its namespace in a script",
      ["EVAL", "return redis.call('GET', KEYS[1])", "1", "other:key"],
    ],
    ["cannot load modules", ["MODULE", "LOAD", "/tmp/x.so"]],
  ] as const)("the gateway's Redis user %s", async (_claim, [command, ...args]) => {
    const store = await openStore();
    await expect(store.client.call(command, ...args)).rejects.toThrow(/NOPERM|permissions|not allowed/);
  });

  it.each([
    ["SUBSCRIBE", "-subscribe"],
    ["PUBLISH", "-publish"],
    ["the channel", "resetchannels"],
  ])(
    "the gateway's Redis user without permission for %s: the store reports a fault and still ends sessions",
    async (_what, rule) => {
      const server = await startRedisServer();
      const owner = connectRedis({ url: server.url, timeoutMs: 1_000 });
      await new Promise((ready) => owner.once("ready", ready));
      const rules = [
        "on",
        ">pass",
        `~cloakroom:${APP_ID}:*`,
        `&cloakroom:${APP_ID}:*`,
        "-@all",
        ...REDIS_COMMANDS.split(" ").map((c) => `+${c}`),
      ];
      await owner.call("ACL", "SETUSER", "narrow", ...rules, rule);
      const store = createRedisStore({
        application,
        url: server.url.replace("redis://", "redis://narrow:pass@"),
        timeoutMs: 1_000,
      });
      await new Promise((ready) => store.client.once("ready", ready));
      opened.push(
        () => owner.disconnect(),
        () => store.close(),
        () => server.kill(),
      );
      expect(store.subscriptionError()).toBeUndefined();
      store.onSessionEnd({ onEnd() {}, onResubscribe() {} });
      await expect.poll(() => store.subscriptionError()).toContain(`&cloakroom:${APP_ID}:*`);
      const key = randomBytes(32).toString("base64url");
      await store.create({ key, session: "{}", tokens: "sealed", idleMs: 60_000, maxMs: 120_000 });
      expect(await store.end(key, "logout")).toBe("{}");
      await owner.call("ACL", "SETUSER", "narrow", ...rules);
      if (rule === "-publish") await owner.call("CLIENT", "KILL", "TYPE", "pubsub");
      await expect.poll(() => store.subscriptionError(), { timeout: 5_000 }).toBeUndefined();
    },
  );

  it("the gateway's Redis user has the commands that docs/guides/redis.md lists", () => {
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "guides", "redis.md"), "utf8");
    const listed = /and the commands `([^`]+)`/.exec(page)?.[1]?.split(" ") ?? [];
    expect(listed).toEqual(REDIS_COMMANDS.split(" "));
  });
});

describe("the administrator's Redis user of docs/guides/manage-sessions.md", () => {
  it("the administrator's Redis user may end all sessions and cannot read keys outside its namespace", async () => {
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "guides", "manage-sessions.md"), "utf8");
    const [, rule = ""] = /^ACL SETUSER cloakroom-admin (.+)$/m.exec(page) ?? [];
    const server = await startRedisServer();
    const owner = connectRedis({ url: server.url, timeoutMs: 1_000 });
    await new Promise((ready) => owner.once("ready", ready));
    await owner.call("ACL", "SETUSER", "cloakroom-admin", ...rule.replaceAll(":shop:", `:${APP_ID}:`).split(" "));
    const adminUrl = `redis://cloakroom-admin:a-password@127.0.0.1:${server.port}/0`;
    const store = createRedisStore({ application, url: adminUrl, timeoutMs: 1_000 });
    await new Promise((ready) => store.client.once("ready", ready));
    const plain = createRedisStore({ application, url: server.url, timeoutMs: 1_000 });
    await new Promise((ready) => plain.client.once("ready", ready));
    opened.push(
      () => owner.disconnect(),
      () => store.close(),
      () => plain.close(),
      () => server.kill(),
    );
    const session = JSON.stringify({
      ...{ handle: "h", issuer: "https://provider.test", subject: "alice", user: {}, roles: [] },
      ...{ createdAtMs: 1_000, issuedAtSeconds: 1, providerSid: "sid" },
    });
    const key = randomBytes(32).toString("base64url");
    await plain.create({ key, session, tokens: "sealed", idleMs: 60_000, maxMs: 120_000 });
    const log = { security() {} } as never;
    const untilAcknowledged = () => Promise.resolve();
    const administration = createAdministration({ store, log, sessionMaxMs: 120_000, untilAcknowledged });
    const user = JSON.parse(session) as { issuer: string; subject: string };
    const listed = await administration.page({ filter: { user }, limit: 10, position: undefined });
    expect(listed.sessions).toEqual([]);
    let ended = 0;
    await administration.endAll((count) => (ended += count));
    expect(ended).toBe(1);
    expect(await plain.read(key)).toBeUndefined();
    for (const name of ["other:key", "cloakroom:another:{x}:ended"])
      await expect(store.client.call("GET", name)).rejects.toThrow(/NOPERM|permissions/);
  });
});

describe("the Redis user's application id", () => {
  it("the Redis user's application id equals APP_ID in docker-compose.yml", () => {
    const text = readFileSync(join(import.meta.dirname, "..", "..", "docker-compose.yml"), "utf8");
    expect(/APP_ID: (\S+)/.exec(text)?.[1]).toBe(APP_ID);
  });
});

describe("the composed Redis", () => {
  it("the composed Redis keeps sessions across a restart", async () => {
    const store = await openStore();
    const key = randomBytes(32).toString("base64url");
    await store.create({ key, session: "{}", tokens: "sealed", idleMs: 60_000, maxMs: 120_000 });
    await redis.stop();
    redis = await startRedisServer({ port: redis.port, args: redisArgs });
    await expect
      .poll(() => store.read(key).catch(() => "unavailable"), { timeout: 10_000 })
      .toMatchObject({ session: "{}", tokens: "sealed" });
    expect((await store.readWithTimes(key))?.idleExpiresInMs).toBeGreaterThan(30_000);
  });

  it("the composed Redis rejects commands without authentication", async () => {
    const client = connectRedis({ url: `redis://127.0.0.1:${redis.port}`, timeoutMs: 500 });
    client.on("error", () => undefined);
    opened.push(() => client.disconnect());
    await new Promise((connected) => client.once("connect", connected));
    await expect(client.get("cloakroom:x")).rejects.toThrow();
  });

  it("the composed Redis allows the health check user PING only", async () => {
    const client = connectRedis({ url: `redis://health:x@127.0.0.1:${redis.port}`, timeoutMs: 500 });
    client.on("error", () => undefined);
    opened.push(() => client.disconnect());
    await expect.poll(() => client.call("PING").catch(() => undefined)).toBe("PONG");
    await expect(client.get("cloakroom:x")).rejects.toThrow(/NOPERM|permissions/);
  });
});
