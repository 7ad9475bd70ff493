// I9: two applications on one Redis. Each test tries an action of one application on records of the other.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALL_SESSIONS } from "../../src/store/store.ts";
import { runAdmin } from "../support/admin.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { startTwoApplications, withCookiesOf, type TwoApplications } from "@cloakroom/testkit/two-applications.ts";
import { loginAtProvider, userOf } from "@cloakroom/testkit/system.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import type { TestGateway } from "@cloakroom/testkit/test-gateway.ts";

async function handleOf(browser: TestBrowser): Promise<string> {
  const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: { id: string } };
  return session.id;
}
async function listOf(browser: TestBrowser): Promise<string[]> {
  const { sessions } = (await (await browser.fetch("/bff/sessions")).json()) as { sessions: { id: string }[] };
  return sessions.map(({ id }) => id);
}
const remove = (browser: TestBrowser, path: string) =>
  browser.fetch(path, { method: "DELETE", headers: { accept: "application/json" } });
/** Sent to the host of the application. */
function backchannelLogout({ origin, config }: TestGateway, token: string): Promise<Response> {
  const body = new URLSearchParams({ logout_token: token }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return testBrowser(origin, undefined, config.publicOrigin).fetch("/bff/backchannel-logout", {
    method: "POST",
    body,
    headers,
  });
}
/** A user who is logged in at both applications. */
async function atBoth(apps: TwoApplications) {
  const user = await apps.newUser();
  return { user, inShop: await apps.login(user, apps.shop), inOther: await apps.login(user, apps.other) };
}

const ACTIONS: [string, (apps: TwoApplications) => Promise<void>][] = [
  [
    "a session cookie of one is anonymous at the other, and its API gets no token",
    async (apps) => {
      const browser = await apps.login(await apps.newUser(), apps.shop);
      const thief = withCookiesOf(browser, apps.other);
      const before = apps.forwarded();
      const response = await thief.fetch("/bff/user");
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ user: null });
      expect((await thief.fetch("/api/x")).status).toBe(401);
      expect((await thief.fetch("/bff/sessions")).status).toBe(401);
      expect(apps.forwarded()).toBe(before);
      expect((await browser.fetch("/api/x")).status).toBe(200);
    },
  ],
  [
    "an event stream with the cookie of one receives no event at the other",
    async (apps) => {
      const browser = await apps.login(await apps.newUser(), apps.shop);
      const stream = await openStream(browser, apps.other, "/bff/events");
      const unknown = { cookies: new Map([["__Host-Http-session", "A".repeat(43)]]) };
      const made = await openStream(unknown, apps.other, "/bff/events");
      await expect.poll(() => [stream.outcome(), made.outcome()]).toEqual(["complete", "complete"]);
      expect(stream.text()).toBe(made.text());
    },
  ],
  [
    "the session list contains only sessions of its own application",
    async (apps) => {
      const { inShop, inOther } = await atBoth(apps);
      expect(await listOf(inShop)).toEqual([await handleOf(inShop)]);
      expect(await listOf(inOther)).toEqual([await handleOf(inOther)]);
    },
  ],
  [
    "a public session handle of one is unknown to the other",
    async (apps) => {
      const { user, inShop, inOther } = await atBoth(apps);
      expect((await remove(inOther, `/bff/sessions/${await handleOf(inShop)}`)).status).toBe(404);
      expect(await userOf(inShop)).toBe(user.sub);
    },
  ],
  [
    "a handle that was ended at one stays unknown to the other",
    async (apps) => {
      const { user, inShop, inOther } = await atBoth(apps);
      const handle = await handleOf(inShop);
      const again = await apps.login(user, apps.shop);
      expect((await remove(again, `/bff/sessions/${handle}`)).status).toBe(204);
      expect((await remove(inOther, `/bff/sessions/${handle}`)).status).toBe(404);
    },
  ],
  [
    "log out everywhere ends no session of the other",
    async (apps) => {
      const { user, inShop, inOther } = await atBoth(apps);
      expect((await remove(inOther, "/bff/sessions")).status).toBe(200);
      expect(await userOf(inOther)).toBeUndefined();
      expect(await userOf(inShop)).toBe(user.sub);
    },
  ],
  [
    "a logout with the cookie of one at the other ends nothing",
    async (apps) => {
      const { user, inShop } = await atBoth(apps);
      await withCookiesOf(inShop, apps.other).fetch("/bff/logout", { method: "POST" });
      expect(await userOf(inShop)).toBe(user.sub);
    },
  ],
  [
    "a login with the cookie of one at the other replaces nothing",
    async (apps) => {
      const { user, inShop } = await atBoth(apps);
      const browser = await apps.login(user, apps.other);
      browser.cookies.set("__Host-Http-session", inShop.cookies.get("__Host-Http-session")!);
      expect((await browser.login()).status).toBe(303);
      expect(await userOf(inShop)).toBe(user.sub);
    },
  ],
  [
    "SESSIONS_PER_USER counts for each application",
    async (apps) => {
      const user = await apps.newUser();
      const browsers: TestBrowser[] = [];
      for (const at of [apps.shop, apps.shop, apps.other, apps.other]) browsers.push(await apps.login(user, at));
      expect(await Promise.all(browsers.map(userOf))).toEqual(browsers.map(() => user.sub));
      await apps.login(user, apps.other);
      expect(await Promise.all(browsers.map(userOf))).toEqual([user.sub, user.sub, undefined, user.sub]);
    },
  ],
  [
    "a back-channel logout ends the sessions of its own application only",
    async (apps) => {
      const { user, inShop, inOther } = await atBoth(apps);
      const token = await apps.provider.logoutToken({ aud: apps.clientIds.shop, sid: undefined, sub: user.sub });
      // One process finds the application by the token, whichever host receives it.
      const [wrong, right] = apps.isOneProcess ? [apps.shop, apps.other] : [apps.other, apps.shop];
      if (!apps.isOneProcess) expect((await backchannelLogout(wrong, token)).status).toBe(400);
      expect((await backchannelLogout(right, token)).status).toBe(200);
      expect(await userOf(inShop)).toBeUndefined();
      expect(await userOf(inOther)).toBe(user.sub);
    },
  ],
  [
    "a back-channel logout does not prevent a later login at the other",
    async (apps) => {
      const user = await apps.newUser();
      const sid = randomUUID();
      for (const named of [
        { sid, sub: undefined },
        { sub: user.sub, sid: undefined },
      ]) {
        const token = await apps.provider.logoutToken({ aud: apps.clientIds.shop, ...named });
        expect((await backchannelLogout(apps.shop, token)).status).toBe(200);
      }
      const name = { kind: "user" as const, hash: randomUUID() };
      await apps.shop.store.closeIndex(name, { issuedAtSeconds: undefined, ttlMs: 60_000 });
      expect(await apps.other.store.isClosed(name, 1)).toBe(false);
      const entry = { key: randomUUID(), maxMs: 60_000, issuedAtSeconds: 1 };
      expect(await apps.other.store.addToIndex(name, entry)).toBe(true);
      expect(await apps.shop.store.listIndex(name)).toEqual([]);
      expect(await userOf(await apps.login(user, apps.other))).toBe(user.sub);
    },
  ],
  [
    "a jti used at one application is unused at the other",
    async (apps) => {
      const { user, inOther } = await atBoth(apps);
      const claims = { sid: undefined, sub: user.sub, jti: randomUUID() };
      const tokenFor = (aud: string) => apps.provider.logoutToken({ ...claims, aud });
      expect((await backchannelLogout(apps.shop, await tokenFor(apps.clientIds.shop))).status).toBe(200);
      expect((await backchannelLogout(apps.other, await tokenFor(apps.clientIds.other))).status).toBe(200);
      expect(await userOf(inOther)).toBeUndefined();
    },
  ],
  [
    "a login started at one cannot be completed at the other",
    async (apps) => {
      const { username } = await apps.newUser();
      const browser = testBrowser(apps.shop.origin, loginAtProvider(username), apps.shop.config.publicOrigin);
      const callback = new URL(await browser.loginAtProvider());
      const before = apps.provider.count("token");
      const response = await withCookiesOf(browser, apps.other).navigate(callback.pathname + callback.search);
      expect(response.status).toBe(400);
      // No token request was sent.
      expect(apps.provider.count("token")).toBe(before);
      expect((await browser.navigate(callback.pathname + callback.search)).status).toBe(303);
    },
  ],
  [
    "the logout cookie of one reveals nothing at the other",
    async (apps) => {
      const { inShop } = await atBoth(apps);
      const response = await inShop.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
      expect(await response.json()).toMatchObject({ location: expect.stringContaining("/bff/logout/provider") });
      expect(inShop.cookies.has("__Host-Http-logout")).toBe(true);
      const stolen = await withCookiesOf(inShop, apps.other).navigate("/bff/logout/provider");
      expect(stolen.headers.get("location")).not.toContain("id_token_hint");
      const own = await inShop.navigate("/bff/logout/provider");
      expect(own.headers.get("location")).toContain("id_token_hint");
    },
  ],
  [
    "pub/sub messages of one application are not received by the other",
    async (apps) => {
      const received: string[] = [];
      await expect.poll(() => apps.other.store.subscriptionError()).toBeUndefined();
      apps.other.store.onSessionEnd({ onEnd: (key) => received.push(key), onResubscribe() {} });
      const states: string[] = [];
      const feed = apps.other.store.subscribeInvalidations!({
        changed: (key) => received.push(key),
        anyChanged() {},
        onState: ({ kind }) => states.push(kind),
      });
      await expect.poll(() => states.at(-1)).toBe("connected");
      const limits = { session: "{}", tokens: "sealed", idleMs: 60_000, maxMs: 60_000 };
      const [foreign, own] = [randomUUID(), randomUUID()];
      for (const [store, key] of [
        [apps.shop.store, foreign],
        [apps.other.store, own],
      ] as const) {
        await store.create({ key, ...limits });
        await store.end(key, "revoked");
      }
      await expect.poll(() => received.filter((key) => key === own).length).toBeGreaterThanOrEqual(2);
      expect(received).not.toContain(foreign);
      feed.close();
    },
  ],
  [
    "one-time values and tombstones of one have no effect at the other",
    async (apps) => {
      const hash = randomUUID();
      expect(await apps.shop.store.markUsed("state", hash, 60_000)).toBe(true);
      expect(await apps.other.store.markUsed("state", hash, 60_000)).toBe(true);
      await apps.shop.store.end(hash, "revoked");
      expect(await apps.other.store.endReason(hash)).toBeUndefined();
    },
  ],
  [
    "the refresh rate limit counts for each application",
    async (apps) => {
      const turn = { intervalMs: 60_000, maxWaitMs: 0 };
      expect(await apps.shop.store.acquireRefreshSlot(turn)).toMatchObject({ isAcquired: true });
      expect(await apps.shop.store.acquireRefreshSlot(turn)).toMatchObject({ isAcquired: false });
      expect(await apps.other.store.acquireRefreshSlot(turn)).toMatchObject({ isAcquired: true });
    },
  ],
  [
    "a record copied to the other application in Redis yields no token",
    async (apps) => {
      const browser = await apps.login(await apps.newUser(), apps.shop);
      const client = new Redis(apps.redisUrl);
      const [from, to] = [apps.shop, apps.other].map(({ config }) => `cloakroom:${config.application.id}:`);
      for (const name of await client.keys(`${from}*:session`))
        await client.call("COPY", name, to + name.slice(from!.length));
      const before = apps.forwarded();
      expect((await withCookiesOf(browser, apps.other).fetch("/api/x")).status).not.toBe(200);
      expect(apps.forwarded()).toBe(before);
      for (const name of await client.keys(`${to}*:session`)) await client.del(name);
      client.disconnect();
    },
  ],
  [
    "the command line counts, lists and ends sessions of its own application only",
    async (apps) => {
      const { user, inShop, inOther } = await atBoth(apps);
      const run = (...args: string[]) => runAdmin(args, apps.settingsOf(apps.other));
      const count = Number((await run("count")).out);
      await apps.login(await apps.newUser(), apps.shop);
      expect(Number((await run("count")).out)).toBe(count);
      expect((await run("list", "--subject", user.sub, "--json")).out.trim().split("\n")).toHaveLength(1);
      const ended = await run("end-user", "--subject", user.sub);
      expect(ended).toMatchObject({ code: 0, out: "1 session ended\n" });
      expect(ended.err).toContain(apps.other.config.application.id);
      expect([await userOf(inShop), await userOf(inOther)]).toEqual([user.sub, undefined]);
      // Another user: a login within the same second as `end-user` is rejected.
      const again = await apps.login(await apps.newUser(), apps.other);
      expect((await run("end-all", "--yes")).out).toMatch(new RegExp(`^${count} sessions? ended\n$`));
      expect([await userOf(inShop), await userOf(again)]).toEqual([user.sub, undefined]);
      expect(await apps.shop.store.isClosed(ALL_SESSIONS, 1)).toBe(false);
    },
  ],
];

type Row = { keys: "equal" | "different"; ids: { shop: string; other: string } | undefined; processes?: "one" | "two" };

describe.each<Row>([
  { keys: "equal", ids: undefined, processes: "one" },
  { keys: "equal", ids: { shop: "shop", other: "shop-2" }, processes: "one" },
  { keys: "equal", ids: undefined },
  { keys: "different", ids: undefined },
  { keys: "equal", ids: { shop: "shop", other: "shop-2" } },
  { keys: "different", ids: { shop: "shop-2", other: "shop" } },
])("with $keys SECRET_KEYS, the ids $ids and $processes process", { timeout: 60_000 }, ({ keys, ids, processes }) => {
  let apps: TwoApplications;
  beforeAll(async () => {
    apps = await startTwoApplications({
      keys,
      ...(ids === undefined ? {} : { ids }),
      ...(processes === undefined ? {} : { processes }),
    });
  });
  afterAll(() => apps.stop());

  it.each(ACTIONS)("two applications on one Redis are isolated (I9): %s", (_title, act) => act(apps));
});
