// Rate limits of rows (`rateLimit`) through real sockets: two instances on one Redis, an outage of Redis, response headers.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { rowsFile, startRecordingUpstream, type RecordingUpstream } from "../headers/identity-rows.ts";
import { sendRaw } from "./gateway.ts";

let redis: TestRedis;
let client: Redis;
let provider: HostileProvider;
let upstream: RecordingUpstream;
let gateways: [TestGateway, TestGateway];

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url, { lazyConnect: true });
  client.on("error", () => {});
  provider = await startHostileProvider();
  upstream = await startRecordingUpstream();
  const baseUrl = upstream.origin;
  const limit = (requests: number, seconds = 600) => ({ requests, seconds });
  const rows = [
    { prefix: "/free", baseUrl },
    { prefix: "/user", baseUrl, rateLimit: { perUser: limit(3) } },
    { prefix: "/both", baseUrl, webSocket: true, rateLimit: { perUser: limit(3), perAddress: limit(5) } },
    { prefix: "/closed", baseUrl, rateLimit: { perAddress: limit(2) } },
    { prefix: "/open", baseUrl, access: "optional", rateLimit: { perUser: limit(2), perAddress: limit(4) } },
    { prefix: "/hooks", baseUrl, access: "public", rateLimit: { perAddress: limit(3) } },
    { prefix: "/fast", baseUrl, access: "public", rateLimit: { perAddress: limit(2, 1) } },
    { prefix: "/machine", baseUrl, access: "bearer", bearer: { audience: "api" }, rateLimit: { perUser: limit(2) } },
    { prefix: "/outage", baseUrl, access: "public", rateLimit: { perAddress: limit(2) } },
  ];
  const env = { UPSTREAMS_FILE: rowsFile(rows), TRUSTED_PROXIES: "127.0.0.1/32,::1/128", REDIS_TIMEOUT_MS: "500" };
  const options = { ...provider, redisUrl: redis.url, env };
  const first = await startGateway(options);
  gateways = [first, await startGateway({ ...options, publicOrigin: first.config.publicOrigin })];
});
afterAll(async () => {
  for (const gateway of gateways) await gateway.stop();
  client.disconnect();
  upstream.stop();
  await provider.stop();
  await redis.stop();
});

async function loggedIn(sub: string): Promise<TestBrowser> {
  provider.overrides = { claims: (honest) => ({ ...honest, sub }) };
  const browser = testBrowser(gateways[0].origin);
  expect((await browser.login()).status).toBe(303);
  return browser;
}

let addresses = 0;
const newAddress = () => `198.51.100.${++addresses}`;

type Sent = { browser?: TestBrowser | undefined; address?: string; at?: 0 | 1; lines?: string[] };

async function send(path: string, { browser, address = newAddress(), at = 0, lines = [] }: Sent = {}) {
  const cookie = [...(browser?.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join("; ");
  const { host } = new URL(gateways[0].config.publicOrigin);
  const fields = [`Host: ${host}`, "X-CSRF: 1", "Sec-Fetch-Site: same-origin", `X-Forwarded-For: ${address}`, ...lines];
  if (cookie !== "") fields.push(`Cookie: ${cookie}`);
  const { port } = new URL(gateways[at].origin);
  return sendRaw(Number(port), `GET ${path} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
}
const statuses = async (count: number, request: (n: number) => ReturnType<typeof send>) => {
  const found: number[] = [];
  for (let n = 0; n < count; n++) found.push((await request(n)).status);
  return found;
};

describe("a row with a rate limit", () => {
  it("a user has one quota on both instances, from every address and in every session", async () => {
    const [one, two, other] = [await loggedIn("u-1"), await loggedIn("u-1"), await loggedIn("u-2")];
    const sent = await statuses(5, (n) => send("/user/x", { browser: n % 2 ? one : two, at: n % 2 ? 1 : 0 }));
    expect(sent).toEqual([200, 200, 200, 429, 429]);
    expect((await send("/user/x", { browser: other })).status).toBe(200);
    expect((await send("/free/x", { browser: one })).status).toBe(200);
  });

  it("a rejected request has a problem, Retry-After and the RateLimit headers, and reaches no upstream", async () => {
    const browser = await loggedIn("u-3");
    const address = newAddress();
    const first = await send("/both/x", { browser, address });
    expect(first.headers.get("ratelimit-policy")).toEqual(['"per-user";q=3;w=600, "per-address";q=5;w=600']);
    expect(first.headers.get("ratelimit")![0]).toMatch(/^"per-user";r=2;t=\d+, "per-address";r=4;t=\d+$/);
    await statuses(2, () => send("/both/x", { browser, address }));
    const before = upstream.heads.length;
    for (let n = 0; n < 2; n++) {
      const { status, headers, body } = await send("/both/x", { browser, address });
      expect(status).toBe(429);
      expect(JSON.parse(body)).toMatchObject({ code: "rate_limit_exceeded", status: 429 });
      const [, rest = ""] = /^"per-user";r=0;t=(\d+)$/.exec(headers.get("ratelimit")![0]!) ?? [];
      expect(Number(rest)).toBeGreaterThan(590);
      expect(headers.get("retry-after")).toEqual([rest]);
      expect(headers.get("ratelimit-policy")).toEqual(['"per-user";q=3;w=600, "per-address";q=5;w=600']);
    }
    expect(upstream.heads.length).toBe(before);
    // The rejected requests were not counted for the address.
    const other = await loggedIn("u-4");
    expect(await statuses(3, () => send("/both/x", { browser: other, address }))).toEqual([200, 200, 429]);
  });

  it("the limit of an address applies to all users behind it", async () => {
    const address = newAddress();
    const users = [await loggedIn("u-5"), await loggedIn("u-6")];
    expect(await statuses(6, (n) => send("/both/x", { browser: users[n % 2]!, address }))).toEqual([
      ...[200, 200, 200, 200, 200, 429],
    ]);
    expect((await send("/both/x", { browser: users[1]! })).status).toBe(200);
  });

  it("anonymous requests are limited by address only", async () => {
    const address = newAddress();
    expect(await statuses(5, (n) => send("/open/x", { address, at: (n % 2) as 0 | 1 }))).toEqual([
      ...[200, 200, 200, 200, 429],
    ]);
    const browser = await loggedIn("u-7");
    expect(await statuses(3, () => send("/open/x", { browser }))).toEqual([200, 200, 429]);
    expect((await send("/open/x")).status).toBe(200);
  });

  it("a client with its own token is limited by its subject, over all of its tokens", async () => {
    const authorization = async (sub: string, jti: string) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: provider.issuer, aud: "api", iat: now, exp: now + 60, jti, client_id: "robot", sub };
      return [`Authorization: Bearer ${await provider.sign(claims, { typ: "at+jwt" })}`];
    };
    const sent: number[] = [];
    for (const jti of ["1", "2", "3"])
      sent.push((await send("/machine/x", { lines: await authorization("robot-1", jti) })).status);
    expect(sent).toEqual([200, 200, 429]);
    expect((await send("/machine/x", { lines: await authorization("robot-2", "4") })).status).toBe(200);
  });

  it("requests that are not authorized count for their address", async () => {
    const address = newAddress();
    expect(await statuses(4, () => send("/closed/x", { address }))).toEqual([401, 401, 429, 429]);
    expect((await send("/closed/x", { address, browser: await loggedIn("u-8") })).status).toBe(429);
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"],
    ["2001:db8::5", "2001:DB8:0:0:9::6", "2001:db8:0:1::5"],
    ["[2001:db8:7::1]:443", "2001:db8:7:0:8::", "2001:db8:8::1"],
    ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"],
    ["64:ff9b::192.0.2.7", "64:ff9b::c000:207", "64:ff9b::192.0.2.8"],
  ])("addresses of one network share a quota: %s and %s, but not %s", async (one, same, other) => {
    expect(await statuses(4, (n) => send("/hooks/x", { address: n % 2 ? one : same }))).toEqual([200, 200, 200, 429]);
    expect((await send("/hooks/x", { address: other })).status).toBe(200);
  });

  it("a request is admitted again after Retry-After", async () => {
    const address = newAddress();
    const all = await Promise.all(Array.from({ length: 6 }, () => send("/fast/x", { address })));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(2);
    expect(all.filter(({ status }) => status === 429)).toHaveLength(4);
    const wait = Number(all.find(({ status }) => status === 429)!.headers.get("retry-after")![0]);
    expect(wait).toBeLessThanOrEqual(2);
    await expect.poll(async () => (await send("/fast/x", { address })).status, { timeout: 5_000 }).toBe(200);
  });

  it("WebSocket handshakes are counted", async () => {
    const address = newAddress();
    const browser = await loggedIn("u-9");
    const lines = [
      ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
      ...["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", `Origin: ${gateways[0].config.publicOrigin}`],
    ];
    const sent = await statuses(4, () => send("/both/x", { browser, address, lines }));
    expect(sent).toEqual([200, 200, 200, 429]);
  });

  it("a limit costs one command for each request, a rejected address and a row without a limit none", async () => {
    const calls = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
    const address = newAddress();
    const before = await calls();
    await statuses(3, () => send("/hooks/x", { address }));
    expect((await calls()) - before).toBe(3);
    await send("/hooks/x", { address });
    const reached = await calls();
    expect(await statuses(5, () => send("/hooks/x", { address }))).toEqual([429, 429, 429, 429, 429]);
    await statuses(5, () => send("/free/x"));
    expect((await calls()) - reached).toBe(0);
  });

  it("neither a user nor an address is named in Redis", async () => {
    await send("/both/x", { browser: await loggedIn("a-plain-subject"), address: "203.0.113.77" });
    const names = await client.keys("*");
    expect(names.some((name) => name.includes(":rate:"))).toBe(true);
    expect(names.filter((name) => /a-plain-subject|203\.0\.113|both/.test(name))).toEqual([]);
    for (const name of names) expect(name).toMatch(new RegExp(`^cloakroom:${gateways[0].config.application.id}:`));
  });

  it("a limit that is reached is one security event, with the limit and without the user", async () => {
    const address = newAddress();
    await statuses(8, () => send("/hooks/x", { address }));
    const events = gateways[0].events("rate_limited").filter((event) => event["clientAddress"] === address);
    expect(events).toEqual([
      expect.objectContaining({ upstream: "/hooks", reason: "per-address: 3 requests in 600 s" }),
    ]);
  });
});

describe("an outage of Redis", () => {
  it("a public row works during an outage of Redis, counted by each process alone, and together after it", async () => {
    const address = newAddress();
    expect((await send("/outage/x", { address })).status).toBe(200);
    const browser = await loggedIn("u-10");
    await redis.kill();
    try {
      const during = newAddress();
      expect(await statuses(3, () => send("/outage/x", { address: during }))).toEqual([200, 200, 429]);
      expect(await statuses(3, () => send("/outage/x", { address: during, at: 1 }))).toEqual([200, 200, 429]);
      expect((await send("/user/x", { browser })).status).toBe(503);
      expect(gateways[0].log.join("")).toContain("rate limits counted per process");
    } finally {
      await redis.start();
    }
    await expect.poll(async () => (await send("/user/x", { browser })).status, { timeout: 10_000 }).toBe(200);
    const after = newAddress();
    await expect
      .poll(async () => statuses(2, (n) => send("/outage/x", { address: after, at: n as 0 | 1 })), { timeout: 5_000 })
      .toEqual([429, 429]);
  });

  it("a frozen Redis delays one request per second, and no other", async () => {
    redis.pause();
    try {
      const times: number[] = [];
      for (let n = 0; n < 10; n++) {
        const from = performance.now();
        expect((await send("/outage/x")).status).toBe(200);
        times.push(performance.now() - from);
      }
      expect(times.filter((ms) => ms > 400).length).toBeLessThanOrEqual(3);
    } finally {
      redis.resume();
    }
  });
});
