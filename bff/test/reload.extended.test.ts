// Replacement of the configuration while the gateway runs: applications that did not change notice nothing, and those that
// did finish what they have begun.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { mkdtempSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApplicationSystem, type ApplicationSystem } from "@cloakroom/testkit/application-system.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { userOf } from "@cloakroom/testkit/system.ts";
import { openSocket, startSocketUpstream, type SocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";

/** An API that names itself, and holds requests to /hold until they are released. */
type Api = { url: string; held: number; last: IncomingHttpHeaders; release(): void; stop(): void };

async function startApi(name: string): Promise<Api> {
  const waiting: (() => void)[] = [];
  const server: Server = createServer((request, response) => {
    const respond = () => void response.end(name);
    api.last = request.headers;
    if (request.url?.startsWith("/hold") === true) {
      api.held += 1;
      waiting.push(respond);
    } else respond();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const api: Api = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held: 0,
    last: {},
    release: () => waiting.splice(0).forEach((respond) => respond()),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return api;
}

const DRAIN_SECONDS = 1;
let apis: [before: Api, after: Api];
let sockets: SocketUpstream;
let system: ApplicationSystem;

beforeEach(async () => {
  apis = [await startApi("before"), await startApi("after")];
  sockets = await startSocketUpstream();
  system = await startApplicationSystem(
    ["shop", "desk"].map((id) => ({ id, env: { UPSTREAMS: rows(apis[0]) } })),
    {
      env: { DRAIN_SECONDS: String(DRAIN_SECONDS) },
      lifetimes: { accessTokenSeconds: 60 },
    },
  );
});
afterEach(async () => {
  for (const api of apis) api.release();
  await system.stop();
  for (const api of apis) api.stop();
  sockets.stop();
});

const rows = ({ url }: Api) => `/api=${url},/ws=${sockets.origin}`;
const unchanged = (id: string) => system.environmentOf(id);
const changed = (id: string) => ({ ...system.environmentOf(id), UPSTREAMS: rows(apis[1]) });
const applyToShop = () => expect(system.apply(changed("shop"), unchanged("desk"))).toMatchObject({ kind: "applied" });
const addressOf = (id: string) => ({
  port: Number(new URL(system.origin).port),
  host: new URL(system.publicOriginOf(id)).host,
});
const cookieOf = (browser: TestBrowser) => [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
const openWebSocket = (id: string, browser: TestBrowser) =>
  openSocket(addressOf(id), "/ws", { headers: { Cookie: cookieOf(browser) } });
const ask = async (browser: TestBrowser, path = "/api/x") => {
  const response = await browser.fetch(path);
  return response.status === 200 ? response.text() : response.status;
};
/** No instance of an earlier configuration is left. */
const settled = () => expect.poll(() => system.gateway.webSockets.count(), { timeout: 10_000 }).toBe(0);

describe("an application that did not change", () => {
  it(
    "an application that did not change keeps its requests, event streams, WebSockets and sessions",
    { timeout: 30_000 },
    async () => {
      const desk = await system.login("desk", await system.newUser());
      const stream = await openStream(desk, system.application("desk"), "/bff/events");
      const socket = await openWebSocket("desk", desk);
      const held = ask(desk, "/api/hold");
      await expect.poll(() => apis[0].held).toBe(1);
      const services = system.gateway.servicesOf(addressOf("desk").host);

      applyToShop();
      await sleep(DRAIN_SECONDS * 1_000 + 500);

      expect(system.gateway.servicesOf(addressOf("desk").host)).toBe(services);
      socket.socket.send("still here");
      expect((await socket.next()).toString()).toBe("still here");
      expect(stream.outcome()).toBeUndefined();
      apis[0].release();
      expect(await held).toBe("before");
      expect(await ask(desk)).toBe("before");
      socket.socket.close();
      stream.close();
    },
  );
});

it("a reload that adds an identity header removes the browser's copy in the other applications too", async () => {
  const desk = await system.login("desk", await system.newUser());
  const forged = { headers: { "x-colour": "forged" } };
  expect((await desk.fetch("/api/x", forged)).status).toBe(200);
  expect(apis[0].last["x-colour"]).toBe("forged");
  const { UPSTREAMS: _rows, ...shop } = system.environmentOf("shop");
  const row = { prefix: "/api", baseUrl: apis[0].url, identityHeaders: { "X-Colour": "sub" } };
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-rows-")), "rows.json");
  writeFileSync(file, JSON.stringify([row]));
  expect(system.apply({ ...shop, UPSTREAMS_FILE: file }, unchanged("desk"))).toMatchObject({ kind: "applied" });
  expect((await desk.fetch("/api/x", forged)).status).toBe(200);
  expect(apis[0].last["x-colour"]).toBeUndefined();
});

describe("an application that changed", () => {
  it("finishes requests in flight on the old configuration, and serves new ones with the new one", async () => {
    const shop = await system.login("shop", await system.newUser());
    const held = ask(shop, "/api/hold");
    await expect.poll(() => apis[0].held).toBe(1);
    applyToShop();
    expect(await ask(shop)).toBe("after");
    apis[0].release();
    expect(await held).toBe("before");
  });

  it("an application that changed keeps its sessions, which both configurations end", async () => {
    const user = await system.newUser();
    const [first, second] = [await system.login("shop", user), await system.login("shop", user)];
    applyToShop();
    expect([await userOf(first), await userOf(second)]).toEqual([user.sub, user.sub]);
    expect(
      (await first.fetch("/bff/sessions", { method: "DELETE", headers: { accept: "application/json" } })).status,
    ).toBe(200);
    expect([await ask(first), await ask(second)]).toEqual([401, 401]);
  });

  it("an application that changed ends its event streams, and browsers reconnect to the new configuration", async () => {
    const shop = await system.login("shop", await system.newUser());
    const open = () => openStream(shop, system.application("shop"), "/bff/events");
    const stream = await open();
    applyToShop();
    await expect.poll(() => stream.outcome()).toBe("complete");
    expect(stream.text()).not.toContain("session-ended");
    const again = await open();
    await sleep(100);
    expect(again.outcome()).toBeUndefined();
    again.close();
  });

  it(
    "an application that changed closes its WebSockets with 1001 after DRAIN_SECONDS, not before",
    { timeout: 30_000 },
    async () => {
      const shop = await system.login("shop", await system.newUser());
      const socket = await openWebSocket("shop", shop);
      const startedMs = performance.now();
      applyToShop();
      socket.socket.send("during the grace period");
      expect((await socket.next()).toString()).toBe("during the grace period");
      expect(await socket.closed).toMatchObject({ code: 1001 });
      expect(performance.now() - startedMs).toBeGreaterThan(DRAIN_SECONDS * 900);
      const again = await openWebSocket("shop", shop);
      again.socket.close();
      await settled();
    },
  );

  it("an application that changed completes a login that began before", async () => {
    const user = await system.newUser();
    const shop = system.browser("shop", user);
    const callback = await shop.loginAtProvider();
    applyToShop();
    expect((await shop.navigate(callback, { "sec-fetch-site": "cross-site" })).status).toBe(303);
    expect(await userOf(shop)).toBe(user.sub);
  });

  it("an application that changed completes a logout that began before", async () => {
    const shop = await system.login("shop", await system.newUser());
    const form = await shop.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    const { location } = (await form.json()) as { location: string };
    applyToShop();
    expect((await shop.navigate(location)).headers.get("location")).toContain("id_token_hint");
  });

  it(
    "I4: a refresh in flight is finished by the old configuration, and its token is spent once",
    { timeout: 30_000 },
    async () => {
      await system.stop();
      system = await startApplicationSystem(
        ["shop", "desk"].map((id) => ({ id, env: { UPSTREAMS: rows(apis[0]) } })),
        {
          lifetimes: { accessTokenSeconds: 2 },
        },
      );
      const user = await system.newUser();
      const shop = await system.login("shop", user);
      await sleep(2_200);
      const before = system.provider.count("token:refresh_token");
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      system.provider.faults.set({ endpoint: "token", respondAfter: released, times: 1 });
      const requests = Array.from({ length: 5 }, () => ask(shop));
      await expect.poll(() => system.provider.count("token:refresh_token")).toBe(before + 1);
      applyToShop();
      // The requests at the new configuration wait for the refresh of the old one.
      setTimeout(release, 200);
      const after = Array.from({ length: 5 }, () => ask(shop));
      expect(new Set(await Promise.all([...requests, ...after]))).toEqual(new Set(["before", "after"]));
      expect(system.provider.count("token:refresh_token")).toBe(before + 1);
      expect(await userOf(shop)).toBe(user.sub);
    },
  );

  it("replaced ten times in a row serves every request", { timeout: 60_000 }, async () => {
    const user = await system.newUser();
    const [shop, desk] = [await system.login("shop", user), await system.login("desk", user)];
    let isOver = false;
    const traffic = async (browser: TestBrowser): Promise<string[]> => {
      const seen = new Set<string>();
      while (!isOver) seen.add(String(await ask(browser)));
      return [...seen].toSorted();
    };
    const seen = [traffic(shop), traffic(desk)];
    for (let round = 0; round < 10; round++) {
      await sleep(50);
      expect(system.apply(round % 2 === 0 ? changed("shop") : unchanged("shop"), unchanged("desk")).kind).toBe(
        "applied",
      );
    }
    isOver = true;
    expect(await Promise.all(seen)).toEqual([["after", "before"], ["before"]]);
  });
});

describe("a removed application", () => {
  it("a removed application responds 421 at once, finishes its requests, and can be added again with its sessions", async () => {
    const user = await system.newUser();
    const [shop, desk] = [await system.login("shop", user), await system.login("desk", user)];
    const held = ask(shop, "/api/hold");
    await expect.poll(() => apis[0].held).toBe(1);
    expect(system.apply(unchanged("desk"))).toEqual({ kind: "applied", added: [], changed: [], removed: ["shop"] });
    // A single application responds to another loopback name itself, but never as the removed one.
    expect(await ask(shop)).toBe(421);
    expect(await ask(desk)).toBe("before");
    apis[0].release();
    expect(await held).toBe("before");
    await expect.poll(() => system.metrics.scrape(), { timeout: 5_000 }).not.toContain('application="shop"');
    expect(system.apply(unchanged("shop"), unchanged("desk"))).toMatchObject({ kind: "applied", added: ["shop"] });
    expect([await userOf(shop), await userOf(desk)]).toEqual([user.sub, user.sub]);
  });

  it("that is added again while it finishes has one instance for new requests", async () => {
    const shop = await system.login("shop", await system.newUser());
    const held = ask(shop, "/api/hold");
    await expect.poll(() => apis[0].held).toBe(1);
    system.apply(unchanged("desk"));
    system.apply(changed("shop"), unchanged("desk"));
    expect(await ask(shop)).toBe("after");
    apis[0].release();
    expect(await held).toBe("before");
    await sleep(500);
    // The end of the old instance closed nothing that the new one uses.
    expect(await ask(shop)).toBe("after");
    expect(system.application("shop").store.subscriptionError()).toBeUndefined();
    const stream = await openStream(shop, system.application("shop"), "/bff/events");
    await shop.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    await expect.poll(() => stream.text()).toContain("session-ended");
  });
});

describe("a configuration that needs a restart", () => {
  const withServer = (env: Record<string, string>) => ["shop", "desk"].map((id) => ({ ...changed(id), ...env }));

  it.each<[string, Record<string, string>, RegExp]>([
    ["another port", { PORT: "1" }, /^listen has changed/],
    ["another management port", { MANAGEMENT_PORT: "1" }, /^management has changed/],
    ["another Redis", { REDIS_URL: "redis://127.0.0.1:1" }, /^redis\.url has changed/],
    [
      "other keys",
      { SECRET_KEYS: Buffer.from(Array.from({ length: 32 }, (_, n) => n)).toString("base64url") },
      /^secretKeys has changed/,
    ],
    ["other trusted proxies", { TRUSTED_PROXIES: "10.0.0.0/8" }, /^trustedProxies has changed/],
    ["another limit", { MAX_WAITING_REQUESTS: "17" }, /^limits\.waitingRequests, /],
    ["another log level", { LOG_LEVEL: "info" }, /^log\.level has changed/],
  ])("(%s) is reported by name, and nothing of it is applied", async (_what, env, reason) => {
    const result = system.apply(...withServer(env));
    expect(result).toMatchObject({ kind: "rejected", reasons: [expect.stringMatching(reason)] });
    expect(await ask(await system.login("shop", await system.newUser()))).toBe("before");
  });

  it("(another id) names both ids", () => {
    const result = system.apply({ ...changed("shop"), APP_ID: "renamed" }, changed("desk"));
    expect(result).toMatchObject({
      kind: "rejected",
      reasons: [expect.stringMatching(/from shop to renamed.*Set its id to shop/)],
    });
  });

  it("(a derived id) says what it is derived from", () => {
    const { APP_ID: _id, ...derived } = changed("shop") as Record<string, string>;
    const result = system.apply(derived, changed("desk"));
    expect(result).toMatchObject({
      kind: "rejected",
      reasons: [expect.stringContaining("derived from issuer, client id and origin")],
    });
  });

  it("(pages that cannot be read) leaves every application as it was", async () => {
    const result = system.apply({ ...changed("shop"), SPA_ROOT: "/does/not/exist" }, changed("desk"));
    expect(result.kind).toBe("rejected");
    expect(await ask(await system.login("desk", await system.newUser()))).toBe("before");
  });
});
