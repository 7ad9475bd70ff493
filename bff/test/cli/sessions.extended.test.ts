// Administration command line, as a process beside two running instances.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSentinelRedis } from "@cloakroom/testkit/redis-sentinel.ts";
import { createLiveConnections } from "../../src/session/live/live-connections.ts";
import { applicationId } from "../../src/lib/application-id.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { newSessionId, sessionKeyOf } from "../../src/session/session.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { runAdmin } from "../support/admin.ts";
import { ADMIN_TOKEN, startAdminApi } from "../support/admin-api.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { startCluster } from "@cloakroom/testkit/test-cluster.ts";
import { silentLog, storeSession, testApplication, testKeys } from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2 });
});
afterAll(() => system.stop());

const settings = (): Record<string, string> => ({
  OIDC_ISSUER: system.provider.issuer,
  OIDC_CLIENT_ID: "cloakroom",
  OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests",
  SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
  REDIS_URL: system.redis.url,
  APP_ID: testApplication,
});
const admin = (args: readonly string[], env: Record<string, string> = {}) => runAdmin(args, { ...settings(), ...env });

describe("npm run sessions", { timeout: 60_000 }, () => {
  it("npm run sessions lists one user's sessions without secrets, and ends them on every instance", async () => {
    const [here, there] = system.gateways;
    const [first, second, other] = [
      system.browser("alice", here),
      system.browser("alice", there),
      system.browser("admin", here),
    ];
    for (const browser of [first, second, other]) await browser.login();
    const subject = (await userOf(first))!;
    const listed = await admin(["list", "--subject", subject, "--json"]);
    expect(listed).toMatchObject({ code: 0, err: "Application: test\n" });
    expect(
      listed.out
        .trim()
        .split("\n")
        .map((line) => Object.keys(JSON.parse(line) as object)),
    ).toEqual(
      Array.from({ length: 2 }, () => ["id", "device", "createdAt", "lastUsedAt", "idleExpiresAt", "expiresAt"]),
    );
    const sessionId = first.cookies.get(SESSION_COOKIE)!;
    expect(listed.out + listed.err).not.toContain(sessionId);
    expect(listed.out + listed.err).not.toContain(sessionKeyOf(sessionId));

    const tab = await openStream(second, here!, "/bff/events");
    const ended = await admin(["end-user", "--subject", subject]);
    expect(ended).toMatchObject({ code: 0, out: "2 sessions ended\n" });
    expect(ended.err).toContain('"event":"admin_ended_sessions"');
    await expect.poll(() => tab.text()).toContain('"reason":"revoked"');
    expect(await userOf(first)).toBeUndefined();
    expect(await userOf(second)).toBeUndefined();
    expect(await userOf(other)).toBeDefined();
    expect((await admin(["list", "--subject", subject])).out).toBe("no sessions\n");
  });

  it("--issuer distinguishes users with the same subject", async () => {
    const browser = system.browser();
    await browser.login();
    const subject = (await userOf(browser))!;
    const elsewhere = await admin(["end-user", "--subject", subject, "--issuer", "https://other.test"]);
    expect(elsewhere).toMatchObject({ code: 0, out: "0 sessions ended\n" });
    expect(await userOf(browser)).toBe(subject);
  });

  it("end-provider-session ends its sessions, including one whose login is still being stored", async () => {
    const { store } = system.gateway;
    const sessions = createSessions({ store, log: silentLog, sessionIdleMs: 60_000, sessionMaxMs: 60_000 });
    const begin = () => {
      const sessionId = newSessionId();
      const session = {
        handle: "handle",
        issuer: system.provider.issuer,
        subject: "carol",
        providerSid: "sid-of-carol",
        user: {},
        roles: [],
        createdAtMs: Date.now(),
        issuedAtSeconds: Math.floor(Date.now() / 1000),
      };
      return sessions.begin({ sessionId, session: JSON.stringify(session), sealedTokens: "sealed" });
    };
    expect(await begin()).toBe(true);
    expect((await admin(["end-provider-session", "--sid", "sid-of-carol"])).out).toBe("1 session ended\n");
    expect(await begin()).toBe(false);
  });

  it("end-all ends all sessions, unindexed ones too, and logins in progress, but no later login", async () => {
    const { store } = system.gateway;
    const browser = system.browser();
    await browser.login();
    const unknown = await storeSession(store);
    const late = system.browser("admin");
    const count = Number((await admin(["count"])).out);
    expect(count).toBeGreaterThanOrEqual(2);
    const sessions = createSessions({ store, log: silentLog, sessionIdleMs: 60_000, sessionMaxMs: 60_000 });
    const granted = {
      handle: "handle",
      issuer: system.provider.issuer,
      subject: "dave",
      user: {},
      roles: [],
      createdAtMs: Date.now(),
      // By a provider whose clock is ahead of ours.
      issuedAtSeconds: Math.floor(Date.now() / 1000) + 20,
    };
    const ended = await admin(["end-all", "--yes"]);
    expect(ended).toMatchObject({ code: 0, out: `${count} sessions ended\n` });
    expect(await userOf(browser)).toBeUndefined();
    expect(await store.read(unknown.key)).toBeUndefined();
    expect(
      await sessions.begin({
        sessionId: newSessionId(),
        session: JSON.stringify(granted),
        sealedTokens: "sealed",
      }),
    ).toBe(false);
    const endedAtSeconds = Math.floor(Date.now() / 1000);
    await expect.poll(() => Math.floor(Date.now() / 1000), { timeout: 2_000 }).toBeGreaterThan(endedAtSeconds);
    await late.login();
    expect(await userOf(late)).toBeDefined();
    expect((await admin(["count"])).out).toBe("1\n");
  });

  it("end-all ends the sessions on all nodes of a Cluster", async () => {
    const cluster = await startCluster(3);
    const store = createRedisStore({ application: testApplication, url: cluster.url, timeoutMs: 1_000 });
    await new Promise((ready) => store.client.once("ready", ready));
    // Its second connection may be ready a moment later.
    await expect.poll(() => storeSession(store).then(() => "stored", String), { timeout: 10_000 }).toBe("stored");
    const stored = await Promise.all(Array.from({ length: 29 }, () => storeSession(store)));
    const ended = await admin(["end-all", "--yes"], { REDIS_URL: cluster.url });
    expect(ended).toMatchObject({ code: 0, out: "30 sessions ended\n" });
    expect(await Promise.all(stored.map(({ key }) => store.read(key)))).toEqual(stored.map(() => undefined));
    await store.close();
    await cluster.stop();
  });
});

describe("the application of a command", { timeout: 120_000 }, () => {
  const openStore = async (application: string) => {
    const store = createRedisStore({
      application: applicationId(application),
      url: system.redis.url,
      timeoutMs: 1_000,
    });
    await new Promise((ready) => store.client.once("ready", ready));
    return store;
  };

  it("the application of a command is printed, and if it has no session, the applications with sessions are listed", async () => {
    const [shop, shop2] = [await openStore("shop"), await openStore("shop-2")];
    for (const store of [shop, shop2, shop2]) await storeSession(store);
    const derived = { APP_ID: "", PUBLIC_ORIGIN: "http://localhost:4711" };
    for (const args of [["count"], ["end-user", "--subject", "alice"]]) {
      const wrong = await admin(args, derived);
      expect(wrong.code, args[0]).toBe(1);
      expect(wrong.err, args[0]).toMatch(/^Application: [0-9a-f]{16} \(derived from the settings\)$/m);
      expect(wrong.err, args[0]).toMatch(
        /has no session on this Redis\. Applications with sessions: (?=.*shop 1\b)(?=.*shop-2 2\b).*--app/,
      );
    }
    // Named by the operator: that it has none is a result.
    const named = await admin(["count", "--app", "shop-3"], derived);
    expect(named).toMatchObject({ code: 0, out: "0\n" });
    expect(named.err).toMatch(
      /^Application: shop-3\nApplication shop-3 has no session on this Redis\. Applications with sessions: /,
    );
    // Its user has none, but the application has: nothing is to be explained.
    expect((await admin(["end-user", "--subject", "bob", "--app", "shop"])).err).not.toContain(
      "Applications with sessions",
    );
    expect((await admin(["end-all", "--yes", "--app", "shop"])).out).toBe("1 session ended\n");
    expect((await admin(["count", "--app", "shop-2"])).out).toBe("2\n");
    await Promise.all([shop.close(), shop2.close()]);
  });

  it("the application of a command is reported as unverifiable if the Redis user lacks scan", async () => {
    const store = await openStore("shop");
    await store.client.call("ACL", "SETUSER", "no-scan", "on", ">pass", "~*", "&*", "+@all", "-scan");
    const REDIS_URL = system.redis.url.replace("redis://", "redis://no-scan:pass@");
    const ended = await admin(["end-user", "--subject", "bob", "--app", "shop-3"], { REDIS_URL });
    expect(ended).toMatchObject({ code: 0, out: "0 sessions ended\n" });
    expect(ended.err).toContain("the Redis user lacks `scan`");
    await store.close();
  });

  it("keys without an application id are counted, ignored, and deleted only by delete-old-format", async () => {
    const store = await openStore("shop");
    const old = ["cloakroom:{a}:session", "cloakroom:{a}:user", "cloakroom:{b}:session"];
    for (const name of old) await store.client.hset(name, "s", "{}");
    const { key } = await storeSession(store);
    const counted = await admin(["count", "--app", "shop-3"]);
    expect(counted.out).toBe("0\n");
    expect(counted.err).toContain("2 sessions of an older format are ignored");
    expect(await admin(["delete-old-format", "--yes"])).toMatchObject({ code: 0, out: "3 keys deleted\n" });
    expect(await store.client.exists(...old)).toBe(0);
    expect(await store.read(key)).toBeDefined();
    await store.close();
  });
});

describe("behind a Sentinel", { timeout: 120_000 }, () => {
  it("end-all reaches a running instance before and after a failover", async () => {
    const sentinel = await startSentinelRedis();
    const store = createRedisStore({ application: testApplication, url: sentinel.url, timeoutMs: 1_000 });
    await new Promise((ready) => store.client.once("ready", ready));
    const live = createLiveConnections({ store, log: silentLog });
    const told: string[] = [];
    const watch = async (): Promise<void> => {
      const { key } = await storeSession(store);
      live.add(key, (reason) => told.push(reason));
    };
    await expect.poll(() => watch().then(() => "stored", String), { timeout: 10_000 }).toBe("stored");
    expect(await admin(["end-all", "--yes"], { REDIS_URL: sentinel.url })).toMatchObject({
      code: 0,
      out: "1 session ended\n",
    });
    await expect.poll(() => told).toEqual(["revoked"]);
    await sentinel.failOver();
    await expect.poll(() => watch().then(() => "stored", String), { timeout: 20_000 }).toBe("stored");
    expect(await admin(["end-all", "--yes"], { REDIS_URL: sentinel.url })).toMatchObject({ code: 0 });
    await expect.poll(() => told.at(-1), { timeout: 10_000 }).toBe("revoked");
    expect(told.length).toBeGreaterThanOrEqual(2);
    live.close();
    await store.close();
    await sentinel.stop();
  });
});

/** Times that are computed from the remaining ones differ by milliseconds. */
const withoutTimes = (result: Awaited<ReturnType<typeof runAdmin>>) => ({
  ...result,
  out: result.out.replaceAll(/"(lastUsedAt|idleExpiresAt|expiresAt)":"[^"]+"/g, '"$1":"…"'),
});

describe("npm run sessions with --url", { timeout: 120_000 }, () => {
  it("npm run sessions prints the same with --url as on the store", async () => {
    const api = await startAdminApi({ gateways: [system.gateway] });
    const url = `http://127.0.0.1:${api.port}`;
    const remote = (args: readonly string[]) => runAdmin([...args, "--url", url], { ADMIN_TOKEN });
    const subject = (await system.provider.addUser({ username: "ivan", password: "ivan-demo-password" })).sub;
    const login = async () => {
      const browser = system.browser("ivan");
      // An end rejects logins of its own second.
      while ((await userOf(browser)) === undefined) await browser.login();
      return browser;
    };
    const ended = async (run: typeof remote, args: readonly string[]) => {
      const browsers = [await login(), await login()];
      const result = await run(args);
      for (const browser of browsers) expect(await userOf(browser)).toBeUndefined();
      return { ...result, err: result.err.replace(/^\{.*\}$/gm, "").trim() };
    };
    await login();
    for (const args of [["count"], ["list", "--subject", "unknown"], ["list", "--subject", subject, "--json"]])
      expect(withoutTimes(await remote(args)), args[0]).toEqual(withoutTimes(await admin(args)));
    // Earlier tests leave sessions behind.
    await admin(["end-all", "--yes"]);
    for (const args of [
      ["end-user", "--subject", subject],
      ["end-all", "--yes"],
    ])
      expect(await ended(remote, args), args[0]).toEqual(await ended(admin, args));
    expect((await ended(remote, ["end-user", "--subject", subject])).out).toBe("2 sessions ended\n");
    expect(api.events("admin_ended_sessions").at(-1)).toMatchObject({ admin: "tests", reason: "end-user", count: 2 });
    api.stop();
  });

  it.each<[string, string[], Record<string, string>, [number, RegExp]]>([
    ["no token", ["count"], {}, [78, /ADMIN_TOKEN is not set/]],
    [
      "a wrong token",
      ["count"],
      { ADMIN_TOKEN: ADMIN_TOKEN.replace("b", "c") },
      [1, /^Nothing was ended: The gateway rejects/],
    ],
    ["an unknown application", ["count", "--app", "other"], { ADMIN_TOKEN }, [1, /No application has this id/]],
    ["a URL with a path", ["count", "--url", "http://127.0.0.1:9000/admin"], { ADMIN_TOKEN }, [2, /--url must be/]],
    ["a closed port", ["count", "--url", "http://127.0.0.1:1"], { ADMIN_TOKEN }, [1, /No response from/]],
    ["delete-old-format", ["delete-old-format", "--yes"], { ADMIN_TOKEN }, [2, /Omit --url/]],
  ])("npm run sessions with --url fails with one sentence for %s", async (_what, args, env, [code, sentence]) => {
    const api = await startAdminApi({ gateways: [system.gateway] });
    const url = args.includes("--url") ? [] : ["--url", `http://127.0.0.1:${api.port}`];
    const result = await runAdmin([...args, ...url], env);
    expect([result.code, result.out]).toEqual([code, ""]);
    expect(result.err).toMatch(sentence);
    expect(result.err).not.toContain(ADMIN_TOKEN);
    api.stop();
  });

  it("--app is required if the gateway has several applications", async () => {
    const { config, store } = system.gateway;
    const second = { config: { ...config, application: { id: applicationId("shop"), isDerived: false } }, store };
    const api = await startAdminApi({ gateways: [system.gateway, second] });
    const result = await runAdmin(["count", "--url", `http://127.0.0.1:${api.port}`], { ADMIN_TOKEN });
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/^--app is required: test, shop\. Nothing was done/);
    api.stop();
  });
});

describe("npm run sessions fails with one sentence for", { timeout: 60_000 }, () => {
  it.each([
    ["no command", ["--json"], 2, "A command is missing."],
    ["an unknown command", ["end"], 2, 'Unknown command "end".'],
    ["no subject", ["end-user"], 2, "--subject is missing."],
    ["an unknown option", ["count", "--force"], 2, "--force"],
    ["end-all without --yes", ["end-all"], 2, "Nothing was ended."],
    ["delete-old-format without --yes", ["delete-old-format"], 2, "Nothing was deleted."],
    ["an invalid application id", ["count", "--app", "Shop*"], 2, "--app must be 1 to 32 lowercase letters"],
  ] as const)("npm run sessions fails with one sentence for %s", async (_what, args, code, sentence) => {
    const result = await admin(args);
    expect(result.code).toBe(code);
    expect(result.err).toContain(sentence);
    expect(result.out).toBe("");
  });

  it("--help prints the help", async () => {
    const { code, out } = await admin(["--help"]);
    expect(code).toBe(0);
    for (const command of [
      "count",
      "list",
      "end-user",
      "end-provider-session",
      "end-all",
      "delete-old-format",
      "--app",
    ])
      expect(out).toContain(command);
  });

  it("npm run sessions fails with one sentence for an unreachable Redis", async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const result = await admin(["end-all", "--yes"], { REDIS_URL: url });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/^Nothing was ended: .*No process listens at the address.*(ECONNREFUSED)/m);
  });

  it("npm run sessions fails with one sentence for a Redis user that lacks scan", async () => {
    const owner = createRedisStore({ application: testApplication, url: system.redis.url, timeoutMs: 1_000 });
    await new Promise((ready) => owner.client.once("ready", ready));
    const everythingElse = ["on", ">pass", "~*", "&*", "+@all", "-scan"];
    await owner.client.call("ACL", "SETUSER", "narrow", ...everythingElse);
    await owner.close();
    const url = system.redis.url.replace("redis://", "redis://narrow:pass@");
    const result = await admin(["end-all", "--yes"], { REDIS_URL: url });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/^Not completed: Redis rejected it \(NOPERM\).*`scan`/m);
  });

  it("npm run sessions fails with one sentence for a missing REDIS_URL", async () => {
    const result = await admin(["count"], { REDIS_URL: "" });
    expect(result).toMatchObject({ code: 78, out: "" });
    expect(result.err).toContain("REDIS_URL is not set");
  });

  it("npm run sessions fails with one sentence for an invalid setting", async () => {
    const result = await admin(["count"], { SESSION_IDLE_SECONDS: "x" });
    expect(result.code).toBe(78);
    expect(result.err).toMatch(/^Not done: one setting is wrong/);
  });
});
