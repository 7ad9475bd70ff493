// I9: every Redis name of the gateway and the command line contains the application id.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Redis } from "ioredis";
import { applicationId, deriveApplicationId } from "../../src/lib/application-id.ts";
import { applicationOfSession, createRedisNames } from "../../src/store/redis/redis-names.ts";
import { runAdmin } from "../support/admin.ts";
import { monitorRedis } from "@cloakroom/testkit/redis-monitor.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

describe("an application id", () => {
  const registration = {
    issuer: "https://id.example",
    clientId: "shop",
    publicOrigin: "https://shop.example",
  };

  it.each(["a", "0", "shop", "shop-2", "0-", "a".repeat(32)])("an application id is accepted: %j", (id) => {
    expect(applicationId(id)).toBe(id);
  });

  it.each(["", "-a", "A", "a:b", "a*", "a?", "[a]", "{a}", "a b", "a\n", "ä", "a_b", "a.b", "\\a", "a".repeat(33)])(
    "an application id is rejected: %j",
    (id) => {
      expect(() => applicationId(id)).toThrow(RangeError);
    },
  );

  it.each([
    ["another issuer", { issuer: "https://id.example/" }],
    ["another client", { clientId: "shop2" }],
    ["another origin", { publicOrigin: "https://shop.example:444" }],
    ["values that run together", { issuer: "https://id.exampleshop", clientId: "" }],
    ["values with the separator of the list", { issuer: 'https://id.example","shop', clientId: "" }],
  ])("an application id is derived differently for %s", (_what, change) => {
    expect(deriveApplicationId({ ...registration, ...change })).not.toBe(deriveApplicationId(registration));
  });

  it("an application id is derived equally on every instance", () => {
    expect(deriveApplicationId({ ...registration })).toBe(deriveApplicationId(registration));
    expect(deriveApplicationId(registration)).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("the names of two applications", () => {
  const hash = "A".repeat(43);
  const namesOf = (id: string) => {
    const names = createRedisNames(applicationId(id));
    const index = { kind: "user", hash } as const;
    const all = [
      ...[names.session(hash), names.tombstone(hash), names.index(index), names.closed(index)],
      ...[names.used("state", hash), names.refreshSlots, names.clock, names.endedChannel],
      ...[names.anySession, names.trackingPrefix, names.aclPattern],
    ];
    return { names, all };
  };

  it.each([
    ["shop", "shop-2"],
    ["shop-2", "shop"],
    ["a", "aa"],
    ["1", "11"],
  ])("the names of the applications %s and %s do not overlap", (one, two) => {
    const [a, b] = [namesOf(one), namesOf(two)];
    for (const name of a.all) {
      expect(name.startsWith(`cloakroom:${one}:`)).toBe(true);
      expect(name.startsWith(b.names.trackingPrefix)).toBe(false);
      expect(name.startsWith(b.names.aclPattern.slice(0, -1))).toBe(false);
      expect(b.names.keyOfSession(name)).toBeUndefined();
      expect(b.all).not.toContain(name);
    }
    expect(new Set(a.all).size).toBe(a.all.length);
    expect(a.names.keyOfSession(a.names.session(hash))).toBe(hash);
    expect(a.names.keyOfSession(a.names.tombstone(hash))).toBeUndefined();
    expect(applicationOfSession(a.names.session(hash))).toBe(one);
  });

  it("the names of two applications differ from those of the format without ids", () => {
    const { names } = namesOf("shop");
    expect(names.keyOfSession(`cloakroom:{${hash}}:session`)).toBeUndefined();
    expect(applicationOfSession(`cloakroom:{${hash}}:session`)).toBe("");
    expect(applicationOfSession("another:{x}:session")).toBeUndefined();
  });
});

describe("every Redis command", { timeout: 120_000 }, () => {
  let system: TestSystem;
  beforeAll(async () => {
    // Every API request renews such a token.
    system = await startTestSystem({ lifetimes: { accessTokenSeconds: 1 }, env: { SESSIONS_PER_USER: "2" } });
  });
  afterAll(() => system.stop());

  it("every Redis command uses names of the application only, in a scenario that covers all commands", async () => {
    const { gateway, provider, redis } = system;
    const prefix = `cloakroom:${gateway.config.application.id}:`;
    const observer = new Redis(redis.url);
    const monitor = await monitorRedis(redis.url);

    const browsers = [system.browser(), system.browser(), system.browser("admin"), system.browser("admin")] as const;
    for (const browser of browsers) expect((await browser.login()).status).toBe(303);
    const [first, second, third, fourth] = browsers;
    // Stays logged in until the end: a command that finds no session at all may look at other applications.
    const stream = await openStream(first, gateway, "/bff/events");
    await expect
      .poll(async () => {
        expect((await first.fetch("/api/x")).status).toBe(200);
        return provider.count("token:refresh_token");
      })
      .toBeGreaterThan(0);
    const { sessions } = (await (await first.fetch("/bff/sessions")).json()) as {
      sessions: { id: string; current: boolean }[];
    };
    const another = sessions.find(({ current }) => !current)!.id;
    expect((await first.fetch(`/bff/sessions/${another}`, { method: "DELETE" })).status).toBe(204);
    await second.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    const sub = (await userOf(third))!;
    const logoutToken = await provider.logoutToken({ aud: "cloakroom", sid: undefined, sub });
    const body = new URLSearchParams({ logout_token: logoutToken });
    expect((await fetch(`${gateway.origin}/bff/backchannel-logout`, { method: "POST", body })).status).toBe(200);
    expect(await userOf(fourth)).toBeUndefined();
    const settings = {
      ...{ OIDC_ISSUER: provider.issuer, OIDC_CLIENT_ID: "cloakroom", REDIS_URL: redis.url },
      ...{ OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests", APP_ID: gateway.config.application.id },
      SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
    };
    for (const args of [
      ["list", "--subject", sub],
      ["end-user", "--subject", sub],
      ["end-all", "--yes"],
    ])
      expect((await runAdmin(args, settings)).code).toBe(0);
    await expect.poll(() => stream.outcome()).toBe("complete");
    monitor.stop();

    const seen = new Set<string>();
    for (const args of monitor.commands()) {
      seen.add(args[0]!.toLowerCase());
      for (const name of await namesIn(observer, args)) expect(name, args.join(" ")).toMatch(new RegExp(`^${prefix}`));
    }
    // Nothing of the scenario has been missed.
    for (const command of ["eval", "hmget", "set", "scan", "publish", "subscribe", "client", "zadd", "del"])
      expect(
        [...seen].map((each) => each.replace("evalsha", "eval")),
        command,
      ).toContain(command);
    for (const name of await observer.keys("*")) expect(name).toMatch(new RegExp(`^${prefix}`));
    observer.disconnect();
  });
});

/** Commands that name neither a key nor a channel. */
const NAMELESS = new Set(["info", "time", "ping", "hello", "auth", "select", "monitor", "command", "wait", "quit"]);
/** Of the connection, not of a key: CLIENT TRACKING notifies over it. */
const INVALIDATIONS = "__redis__:invalidate";

/** Keys, channels, patterns and tracking prefixes of one command. Throws for a command that it does not know. */
async function namesIn(client: Redis, args: readonly string[]): Promise<string[]> {
  const [command = "", ...rest] = args;
  const after = (word: string) => rest.filter((_arg, at) => rest[at - 1]?.toUpperCase() === word);
  switch (command.toLowerCase()) {
    case "publish":
      return rest.slice(0, 1);
    case "subscribe":
      return rest.filter((channel) => channel !== INVALIDATIONS);
    case "scan":
      expect(after("MATCH")).toHaveLength(1);
      return after("MATCH");
    case "client":
      if (rest[0]?.toUpperCase() === "TRACKING") expect(after("PREFIX")).toHaveLength(1);
      return after("PREFIX");
    default:
      if (NAMELESS.has(command.toLowerCase())) return [];
      return ((await client.call("COMMAND", "GETKEYS", ...args)) as unknown[]).map(String);
  }
}
