// Admin API through sockets, on two instances with one Redis: lists, ends, errors, audit log.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLiveConnections } from "../../src/session/live/live-connections.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { newSessionId, sessionKeyOf } from "../../src/session/session.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { GatewayError } from "../../src/errors.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";
import { ADMIN_TOKEN, sessionsPath, startAdminApi, type TestAdminApi } from "../support/admin-api.ts";

let system: TestSystem;
let api: TestAdminApi;
let base: string;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2 });
  api = await startAdminApi({ gateways: [system.gateway] });
  base = sessionsPath(system.gateway);
});
afterAll(async () => {
  api.stop();
  await system.stop();
});

type Listed = { sessions: { id: string; subject: string; device: string | null }[]; cursor: string | null };
const list = async (query = ""): Promise<Listed> => (await api.call("GET", `${base}${query}`)).body as Listed;

type NewSession = {
  createdAtMs?: number;
  subject?: string;
  providerSid?: string;
  device?: string;
  issuedAtSeconds?: number;
};
/** Stores a session as a login does. @returns its handle, or undefined if the login was rejected */
async function tryToBegin({ subject = "carol", ...rest }: NewSession = {}) {
  const { store } = system.gateway;
  const sessions = createSessions({ store, log: silentLog, sessionIdleMs: 60_000, sessionMaxMs: 60_000 });
  const sessionId = newSessionId();
  const handle = newSessionId().slice(0, 16);
  const session = {
    ...{ handle, issuer: system.provider.issuer, subject, user: {}, roles: [], createdAtMs: store.nowMs() },
    ...{ issuedAtSeconds: Math.floor(store.nowMs() / 1000), ...rest },
  };
  const isStored = await sessions.begin({ sessionId, session: JSON.stringify(session), sealedTokens: "sealed" });
  return isStored ? { handle, sessionId, key: sessionKeyOf(sessionId) } : undefined;
}

/** An end rejects logins of its own second. */
async function begin(session?: NewSession) {
  for (;;) {
    const begun = await tryToBegin(session);
    if (begun !== undefined) return begun;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
}

describe("a list of the admin API", () => {
  it("a list describes the sessions of a user, newest first, without session ids, keys and tokens", async () => {
    const [first, second] = [system.browser("alice"), system.browser("alice", system.gateways[1])];
    for (const browser of [first, second]) await browser.login();
    const subject = (await userOf(first))!;
    const response = await api.call("GET", `${base}?user=${subject}`);
    const { sessions, cursor } = response.body as Listed;
    expect(cursor).toBeNull();
    expect(sessions.map((each) => each.subject)).toEqual([subject, subject]);
    expect(Object.keys(sessions[0]!)).toEqual([
      ...["id", "issuer", "subject", "providerSession", "device", "createdAt", "lastUsedAt"],
      ...["idleExpiresAt", "expiresAt"],
    ]);
    const times = sessions.map((each) => (each as unknown as { createdAt: string }).createdAt);
    expect(times).toEqual(times.toSorted().toReversed());
    const sessionId = first.cookies.get(SESSION_COOKIE)!;
    for (const secret of [sessionId, sessionKeyOf(sessionId), ADMIN_TOKEN])
      expect(response.text + api.log.join("\n")).not.toContain(secret);
    const [newest] = sessions;
    const one = await api.call("GET", `${base}/${newest!.id}`);
    expect(one.body).toMatchObject({ id: newest!.id, subject });
  });

  it("a list is complete in pages of any size, with and without a filter", async () => {
    const subject = `user-${newSessionId()}`;
    const begun = await Promise.all(Array.from({ length: 70 }, () => begin({ subject, device: "Firefox on Linux" })));
    const handles = new Set(begun.map((each) => each.handle));
    for (const [query, limit] of [
      [`?user=${subject}`, 7],
      [`?user=${subject}`, 70],
      ["?device=FIREFOX%20on", 13],
      ["?", 1],
      ["?", 500],
    ] as const) {
      const found = new Set<string>();
      let cursor: string | null = "";
      for (let pages = 0; cursor !== null; pages++) {
        const suffix: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page = await list(`${query}&limit=${limit}${suffix}`);
        expect(page.sessions.length).toBeLessThanOrEqual(limit);
        for (const { id } of page.sessions) found.add(id);
        cursor = page.cursor;
        expect(pages, "the list ends").toBeLessThan(500);
        expect(cursor ?? "").not.toContain(begun[0]!.key);
      }
      expect(
        [...handles].filter((handle) => !found.has(handle)),
        query,
      ).toEqual([]);
    }
  });

  it("a list finds the sessions of a session of the provider", async () => {
    const providerSid = `sid-${newSessionId()}`;
    const wanted = await begin({ providerSid });
    await begin({ providerSid: `${providerSid}-2` });
    expect((await list(`?providerSession=${providerSid}`)).sessions.map(({ id }) => id)).toEqual([wanted.handle]);
    expect((await list(`?providerSession=${providerSid}&issuer=https://other.test`)).sessions).toEqual([]);
  });

  it("a list omits what an index names but the record contradicts (I3)", async () => {
    const mine = await begin({ subject: "mallory" });
    const { store } = system.gateway;
    const { userIndex } = await import("../../src/session/indexes.ts");
    const name = userIndex({ issuer: system.provider.issuer, subject: "victim" });
    await store.addToIndex(name, { key: mine.key, maxMs: 60_000, issuedAtSeconds: 2_000_000_000 });
    expect((await list("?user=victim")).sessions).toEqual([]);
  });
});

describe("an end of the admin API", () => {
  it("an end of one session is final on all instances, closes its streams, and can be repeated", async () => {
    const [here, there] = system.gateways;
    const [browser, other] = [system.browser("alice", here), system.browser("alice", there)];
    for (const each of [browser, other]) await each.login();
    const subject = (await userOf(browser))!;
    const { sessions } = await list(`?user=${subject}`);
    const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: { id?: string } };
    const stream = await openStream(browser, there!, "/bff/events");
    const own = session.id ?? sessions.at(-1)!.id;
    const response = await api.call("DELETE", `${base}/${own}`);
    expect([response.status, response.body]).toEqual([200, { ended: 1 }]);
    browser.useInstance(there!.origin);
    expect(await userOf(browser)).toBeUndefined();
    await expect.poll(() => stream.text()).toContain('"reason":"revoked"');
    expect(await userOf(other)).toBe(subject);
    expect((await api.call("DELETE", `${base}/${own}`)).body).toEqual({ ended: 0 });
    expect((await api.call("GET", `${base}/${own}`)).status).toBe(404);
    expect(api.events("admin_ended_sessions").at(-2)).toMatchObject({
      admin: "tests",
      reason: "end-session",
      count: 1,
    });
  });

  it("an end of a user's sessions rejects logins in progress, also those that the provider dates into the future", async () => {
    const subject = `user/${newSessionId()}?#%`;
    for (let at = 0; at < 3; at++) await begin({ subject });
    const path = base.replace(/sessions$/, `users/${encodeURIComponent(subject)}/sessions`);
    // Created before the end, which may take until the next second.
    const createdAtMs = system.gateway.store.nowMs();
    const inProgress = { subject, createdAtMs, issuedAtSeconds: Math.floor(createdAtMs / 1000) + 20 };
    const response = await api.call("DELETE", path);
    expect([response.status, response.body]).toEqual([200, { ended: 3 }]);
    expect(await tryToBegin(inProgress)).toBeUndefined();
    expect(await begin({ subject: "another-user" })).toBeDefined();
    expect(await begin({ subject }), "a later login").toBeDefined();
    expect(api.events("admin_ended_sessions").at(-1)).toMatchObject({ reason: "end-user", subject, count: 3 });
  });

  it("an end by the provider's session rejects its further logins", async () => {
    const providerSid = `sid-${newSessionId()}`;
    await begin({ providerSid });
    const path = base.replace(/sessions$/, `provider-sessions/${providerSid}/sessions`);
    expect((await api.call("DELETE", path)).body).toEqual({ ended: 1 });
    expect(await tryToBegin({ providerSid })).toBeUndefined();
  });

  it("an end of all sessions needs a confirmation, reports its progress, and counts them", async () => {
    await Promise.all(Array.from({ length: 150 }, () => begin()));
    const before = (await api.call("GET", "/admin/applications")).body as { applications: { sessions: number }[] };
    const count = before.applications[0]!.sessions;
    expect(count).toBeGreaterThanOrEqual(150);
    for (const query of ["", "?confirm=", "?confirm=true", "?confirm=ALL"]) {
      const rejected = await api.call("DELETE", `${base}${query}`);
      expect([rejected.status, rejected.body["code"]]).toEqual([400, "confirmation_required"]);
    }
    expect((await api.call("GET", "/admin/applications")).body).toEqual(before);
    const response = await api.call("DELETE", `${base}?confirm=all`, { accept: "application/x-ndjson" });
    const lines = response.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { ended: number; complete: boolean });
    expect(response.headers["content-type"]).toBe("application/x-ndjson; charset=utf-8");
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.at(-1)).toEqual({ ended: count, complete: true });
    expect(lines.map(({ ended }) => ended)).toEqual(lines.map(({ ended }) => ended).toSorted((a, b) => a - b));
    expect((await api.call("DELETE", `${base}?confirm=all`)).body).toEqual({ ended: 0 });
  });
});

describe("ends at the provider", () => {
  const withProvider = (endAtProvider: (() => Promise<void>) | undefined) =>
    startAdminApi({
      gateways: [system.gateway],
      change: (application) => ({ ...application, endAtProvider }),
    });
  const path = () => base.replace(/sessions$/, "users/dave/sessions?atProvider=true");

  it("atProvider=true ends the user's sessions at the provider after those of the gateway", async () => {
    let isEndedHere: boolean | undefined;
    const stored = await begin({ subject: "dave" });
    const other = await withProvider(async () => {
      isEndedHere = (await system.gateway.store.read(stored.key)) === undefined;
    });
    expect((await other.call("DELETE", path())).body).toEqual({ ended: 1, provider: "ended" });
    expect(isEndedHere).toBe(true);
    other.stop();
  });

  it("atProvider=true without configuration is 409, and nothing ends", async () => {
    const stored = await begin({ subject: "dave" });
    const rejected = await api.call("DELETE", path());
    expect([rejected.status, rejected.body["code"]]).toEqual([409, "provider_sessions_not_configured"]);
    expect(await system.gateway.store.read(stored.key)).toBeDefined();
  });

  it("a failure at the provider is 502 with the number of sessions that ended", async () => {
    await begin({ subject: "dave" });
    const other = await withProvider(() =>
      Promise.reject(new GatewayError("provider_unavailable", { reason: "no role" })),
    );
    const failed = await other.call("DELETE", path());
    expect([failed.status, failed.body["code"]]).toEqual([502, "provider_sessions_not_ended"]);
    expect(failed.body["ended"]).toBeGreaterThanOrEqual(1);
    expect(other.log.join("\n")).toContain("no role");
    other.stop();
  });
});

describe("an invalid request", () => {
  it.each<[string, string, string, [number, string]]>([
    ["an unknown path", "GET", "/admin", [404, "not_found"]],
    ["a final slash", "GET", "/admin/applications/", [404, "not_found"]],
    ["an unknown application", "GET", "/admin/applications/other/sessions", [404, "not_found"]],
    ["another spelling of the application", "GET", "/admin/applications/TEST/sessions", [404, "not_found"]],
    ["a member of the prototype", "GET", "/admin/applications/__proto__/sessions", [404, "not_found"]],
    ["an unknown session", "GET", "{sessions}/unknown", [404, "not_found"]],
    ["an unknown session to end", "DELETE", "{sessions}/unknown", [404, "not_found"]],
    ["an empty session", "DELETE", "{sessions}/", [404, "not_found"]],
    ["a path below a session", "GET", "{sessions}/a/b", [404, "not_found"]],
    ["another method", "POST", "{sessions}", [405, "method_not_allowed"]],
    ["a method of another path", "DELETE", "/admin/applications", [405, "method_not_allowed"]],
    ["an unknown parameter", "GET", "{sessions}?usr=alice", [400, "request_malformed"]],
    ["a parameter twice", "GET", "{sessions}?user=alice&user=bob", [400, "request_malformed"]],
    ["an empty user", "GET", "{sessions}?user=", [400, "request_malformed"]],
    ["a parameter of another route", "DELETE", "{sessions}?confirm=all&user=alice", [400, "request_malformed"]],
    ["a filter of an end of all", "DELETE", "{sessions}?user=alice", [400, "request_malformed"]],
    ["no limit", "GET", "{sessions}?limit=0", [400, "request_malformed"]],
    ["a large limit", "GET", "{sessions}?limit=501", [400, "request_malformed"]],
    ["a negative limit", "GET", "{sessions}?limit=-1", [400, "request_malformed"]],
    ["a limit that is no number", "GET", "{sessions}?limit=1e2", [400, "request_malformed"]],
    ["user and providerSession", "GET", "{sessions}?user=a&providerSession=b", [400, "request_malformed"]],
    ["an issuer alone", "GET", "{sessions}?issuer=https://provider.test", [400, "request_malformed"]],
    ["an issuer that is no URL", "GET", "{sessions}?user=a&issuer=x", [400, "request_malformed"]],
    ["a cursor of our own making", "GET", "{sessions}?cursor=MTIz", [400, "request_malformed"]],
    ["an invalid escape", "GET", "/admin/applications/%zz/sessions", [400, "request_malformed"]],
    ["an escape that is not UTF-8", "DELETE", "{users}/%ff/sessions", [400, "request_malformed"]],
    ["atProvider of another value", "DELETE", "{users}/a/sessions?atProvider=yes", [400, "request_malformed"]],
  ])("an invalid request ends nothing: %s", async (_what, method, path, expected) => {
    const stored = await begin();
    const target = path.replace("{sessions}", base).replace("{users}", base.replace(/sessions$/, "users"));
    const response = await api.call(method, target);
    expect([response.status, response.body["code"]]).toEqual(expected);
    expect(response.body["requestId"]).toBe(response.headers["x-request-id"]);
    expect(response.headers["allow"]).toBe(
      expected[0] !== 405 ? undefined : path === "{sessions}" ? "GET, HEAD, DELETE" : "GET, HEAD",
    );
    expect(await system.gateway.store.read(stored.key)).toBeDefined();
  });

  it("a cursor belongs to its filter", async () => {
    await Promise.all(Array.from({ length: 5 }, () => begin({ subject: "erin" })));
    const { cursor } = await list("?user=erin&limit=2");
    expect(cursor).not.toBeNull();
    const suffix = `limit=2&cursor=${encodeURIComponent(cursor!)}`;
    expect((await api.call("GET", `${base}?user=frank&${suffix}`)).status).toBe(400);
    expect((await api.call("GET", `${base}?${suffix}`)).status).toBe(400);
    expect((await list(`?user=erin&${suffix}`)).sessions).toHaveLength(2);
  });

  it("HEAD has the headers of GET and no body", async () => {
    const [head, get] = [await api.call("HEAD", base), await api.call("GET", base)];
    expect([head.status, head.text]).toEqual([200, ""]);
    expect(head.headers["content-type"]).toBe(get.headers["content-type"]);
  });
});

describe("an outage of Redis", () => {
  it("an outage is 503 with Retry-After and the number of ended sessions, and the repetition succeeds", async () => {
    const begun = await Promise.all(Array.from({ length: 200 }, () => begin({ subject: "grace" })));
    const { store } = system.gateway;
    let ends = 0;
    const failing = await startAdminApi({
      gateways: [
        {
          config: system.gateway.config,
          store: {
            ...store,
            end: (key, reason) =>
              ++ends > 100 ? Promise.reject(new GatewayError("store_unavailable")) : store.end(key, reason),
          },
        },
      ],
    });
    const path = base.replace(/sessions$/, "users/grace/sessions");
    const response = await failing.call("DELETE", path);
    expect(response).toMatchObject({ status: 503, body: { code: "store_unavailable", ended: 100 } });
    expect(response.headers["retry-after"]).toBe("1");
    expect(failing.events("admin_ended_sessions")).toMatchObject([{ reason: "end-user", count: 100 }]);
    const left = await Promise.all(begun.map((each) => store.read(each.key)));
    expect(left.filter((each) => each !== undefined)).toHaveLength(100);
    expect((await api.call("DELETE", path)).body).toEqual({ ended: 100 });
    failing.stop();
  });

  it("an outage of Redis is the last line of a response with progress", async () => {
    await Promise.all(Array.from({ length: 100 }, () => begin()));
    const { store } = system.gateway;
    let ends = 0;
    const end: typeof store.end = (key, reason) =>
      ++ends > 70 ? Promise.reject(new GatewayError("store_unavailable")) : store.end(key, reason);
    const failing = await startAdminApi({ gateways: [{ config: system.gateway.config, store: { ...store, end } }] });
    const response = await failing.call("DELETE", `${base}?confirm=all`, { accept: "application/x-ndjson" });
    const last = JSON.parse(response.text.trim().split("\n").at(-1)!) as object;
    expect(last).toMatchObject({ status: 503, code: "store_unavailable", ended: 70 });
    failing.stop();
  });

  it("a stopped Redis is 503 for every route, and afterwards they work again", async () => {
    const live = createLiveConnections({ store: system.gateway.store, log: silentLog });
    const stored = await begin({ subject: "heidi" });
    const ended: string[] = [];
    live.add(stored.key, (reason) => ended.push(reason));
    const users = base.replace(/sessions$/, "users/heidi/sessions");
    system.redis.pause();
    try {
      for (const [method, path] of [
        ["GET", "/admin/applications"],
        ["GET", base],
        ["GET", `${base}?user=heidi`],
        ["GET", `${base}/${stored.handle}`],
        ["DELETE", `${base}/${stored.handle}`],
        ["DELETE", users],
        ["DELETE", `${base}?confirm=all`],
      ] as const) {
        const response = await api.call(method, path);
        expect([response.status, response.headers["retry-after"]], path).toEqual([503, "1"]);
      }
    } finally {
      system.redis.resume();
    }
    await expect.poll(async () => (await api.call("DELETE", users)).status).toBe(200);
    await expect.poll(() => ended).toEqual(["revoked"]);
    live.close();
  });

  it("a Redis user without `scan` is 500 with the cure, and other routes work", async () => {
    const { createRedisStore } = await import("../../src/store/redis/redis-store.ts");
    const { config, store } = system.gateway;
    const owner = createRedisStore({ url: system.redis.url, application: config.application.id, timeoutMs: 1_000 });
    await new Promise((ready) => owner.client.once("ready", ready));
    await owner.client.call("ACL", "SETUSER", "no-scan", "on", ">pass", "~*", "&*", "+@all", "-scan");
    const url = system.redis.url.replace("redis://", "redis://no-scan:pass@");
    const narrow = createRedisStore({ url, application: config.application.id, timeoutMs: 1_000 });
    await new Promise((ready) => narrow.client.once("ready", ready));
    const other = await startAdminApi({ gateways: [{ config, store: narrow }] });
    for (const [method, path] of [
      ["GET", base],
      ["GET", "/admin/applications"],
      ["DELETE", `${base}?confirm=all`],
    ] as const) {
      const response = await other.call(method, path);
      expect(response).toMatchObject({ status: 500, body: { code: "store_permission_missing" } });
      expect(response.body["detail"]).toContain("`scan`");
      expect(response.headers["retry-after"]).toBeUndefined();
    }
    expect((await other.call("GET", `${base}?user=alice`)).status).toBe(200);
    other.stop();
    await Promise.all([owner.close(), narrow.close()]);
    expect(await store.check()).toBeUndefined();
  });
});
