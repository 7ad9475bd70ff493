// Request quotas: requests of one session, or of one client address without a session, cannot use up MAX_WAITING_REQUESTS.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createInFlightTable } from "../../src/lib/in-flight.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
/** Requests whose response the upstream has not sent yet. */
const held: ServerResponse[] = [];
/** Requests whose body the upstream has received completely. */
let bodies = 0;
const upstream = createServer((request, response) => {
  request.resume().once("end", () => bodies++);
  if (request.url?.startsWith("/quick") === true) response.end("{}");
  else held.push(response);
});
let origin = "";

/** Limits: 20 in total, 6 per session, 10 per address. */
beforeAll(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  system = await startTestSystem({
    upstreams: () => [
      { prefix: "/api", baseUrl: origin, maxConnections: 100 },
      { prefix: "/api/open", baseUrl: origin, token: "none", maxConnections: 100 },
      { prefix: "/api/either", baseUrl: origin, token: "optional", maxConnections: 100 },
      { prefix: "/api/own", baseUrl: origin, token: "client", maxConnections: 100 },
    ],
    env: { MAX_WAITING_REQUESTS: "20", TRUSTED_PROXIES: "127.0.0.1/32, ::1/128" },
  });
});
afterAll(async () => {
  await system.stop();
  upstream.closeAllConnections();
  upstream.close();
});
const respondToHeld = () => held.splice(0).forEach((response) => response.end("{}"));
beforeEach(() => void (bodies = 0));
afterEach(async () => {
  respondToHeld();
  await expect.poll(() => held.length).toBe(0);
});

const loggedIn = async (username = "alice"): Promise<TestBrowser> => {
  const browser = system.browser(username);
  await browser.login();
  return browser;
};
/** Sends requests and waits until each was responded to or forwarded. @returns the responses */
async function flood(
  send: () => Promise<Response>,
  count: number,
): Promise<{ rejected: Response[]; all: Promise<Response>[] }> {
  const before = held.length;
  const rejected: Response[] = [];
  const all = Array.from({ length: count }, () =>
    send().then((response) => {
      if (response.status !== 200) rejected.push(response);
      return response;
    }),
  );
  await expect.poll(() => held.length - before + rejected.length).toBe(count);
  return { rejected, all };
}
async function expectTooMany(rejected: Response[], count: number): Promise<void> {
  expect(rejected.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 429));
  for (const each of rejected) {
    expect(each.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(each.headers.getSetCookie()).toEqual([]);
    expect(await each.json()).toMatchObject({ code: "too_many_requests" });
  }
}

describe("slow requests of one session", () => {
  const post = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
  it.each<[string, string, RequestInit & { headers?: Record<string, string> }]>([
    ["GET", "/api/slow", {}],
    ["POST with a whole body", "/api/slow", post],
    ["to a row with token: optional", "/api/either/slow", {}],
    ["to a row with token: client", "/api/own/slow", {}],
    ["as event streams", "/api/slow", { headers: { accept: "text/event-stream" } }],
  ])("slow requests of one session leave room for other sessions: %s", async (_what, target, init) => {
    const [greedy, other] = [await loggedIn(), await loggedIn("admin")];
    const { rejected, all } = await flood(() => greedy.fetch(target, init), 30);
    await expectTooMany(rejected, 24);
    expect((await other.fetch("/api/quick")).status).toBe(200);
    expect((await other.fetch("/bff/user")).status).toBe(200);
    expect((await greedy.fetch("/bff/user")).status, "its own routes respond").toBe(200);
    respondToHeld();
    await Promise.all(all);
    expect((await greedy.fetch("/api/quick")).status).toBe(200);
  });

  it("uploads count once their bodies have arrived", async () => {
    const greedy = await loggedIn();
    const waiting: Promise<Response>[] = [];
    for (let count = 1; count <= 6; count++) {
      waiting.push(greedy.fetch("/api/slow", post));
      // The upstream has received the body and has not responded.
      await expect.poll(() => bodies).toBe(count);
    }
    const { status } = await greedy.fetch("/api/slow", post);
    expect(status).toBe(429);
    respondToHeld();
    await Promise.all(waiting);
  });

  it("requests of one session do not count for another session of the same user", async () => {
    const [laptop, phone] = [await loggedIn(), await loggedIn()];
    await flood(() => laptop.fetch("/api/slow"), 10);
    expect((await phone.fetch("/api/quick")).status).toBe(200);
  });

  it("a logout is admitted at the session's limit", async () => {
    const greedy = await loggedIn();
    await flood(() => greedy.fetch("/api/slow"), 10);
    const response = await greedy.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    expect(response.status).toBe(200);
  });

  it("requests count until their response begins or the browser disconnects", async () => {
    const browser = await loggedIn();
    for (let round = 0; round < 4; round++) {
      const left = new AbortController();
      const gone = Array.from({ length: 6 }, () =>
        browser.fetch("/api/slow", { signal: left.signal }).catch(() => undefined),
      );
      await expect.poll(() => held.length).toBe(6);
      left.abort();
      respondToHeld();
      await Promise.all(gone);
    }
    await expect.poll(async () => (await browser.fetch("/api/quick")).status).toBe(200);
  });
});

describe("slow requests without a session", () => {
  const from = (address: string) => ({ headers: { "x-forwarded-for": address } });

  it("requests of one address leave room for other addresses and for sessions at the same address", async () => {
    const [anonymous, user] = [system.browser(), await loggedIn()];
    const { rejected } = await flood(() => anonymous.fetch("/api/open/slow", from("203.0.113.7")), 30);
    await expectTooMany(rejected, 20);
    expect((await anonymous.fetch("/api/open/quick", from("203.0.113.8"))).status).toBe(200);
    expect((await anonymous.fetch("/api/open/quick", from("[2001:db8::1]:443"))).status).toBe(200);
    respondToHeld();
    await expect.poll(async () => (await anonymous.fetch("/api/open/quick", from("203.0.113.7"))).status).toBe(200);
    expect((await user.fetch("/api/quick", from("203.0.113.7"))).status).toBe(200);
  });

  it("requests of one IPv6 network (/64) count together", async () => {
    const anonymous = system.browser();
    let n = 1;
    const { rejected } = await flood(() => anonymous.fetch("/api/open/slow", from(`2001:db8:0:1::${n++}`)), 12);
    await expectTooMany(rejected, 2);
    expect((await anonymous.fetch("/api/open/quick", from("2001:db8:0:2::1"))).status).toBe(200);
  });

  it("requests with an unknown session cookie count for their address", async () => {
    const stranger = system.browser();
    stranger.cookies.set("__Host-Http-session", "x".repeat(43));
    const { rejected } = await flood(() => stranger.fetch("/api/either/slow", from("203.0.113.9")), 12);
    await expectTooMany(rejected, 2);
  });

  it("requests of sessions do not count for their address", async () => {
    const users = [await loggedIn(), await loggedIn(), await loggedIn()];
    for (const user of users)
      expect((await flood(() => user.fetch("/api/slow", from("203.0.113.10")), 5)).rejected).toEqual([]);
    expect(held).toHaveLength(15);
    expect((await system.browser().fetch("/api/open/quick", from("203.0.113.10"))).status).toBe(200);
  });
});

it("the limits are settings", async () => {
  const strict = await startTestSystem({
    upstreams: () => [
      { prefix: "/api", baseUrl: origin, maxConnections: 100 },
      { prefix: "/api/open", baseUrl: origin, token: "none" },
    ],
    env: { MAX_WAITING_REQUESTS: "100", MAX_WAITING_PER_SESSION: "2", MAX_WAITING_PER_ADDRESS: "3" },
  });
  try {
    const browser = strict.browser();
    await browser.login();
    const ofSession = await flood(() => browser.fetch("/api/slow"), 5);
    await expectTooMany(ofSession.rejected, 3);
    respondToHeld();
    await Promise.all(ofSession.all);
    // X-Forwarded-For of an untrusted peer is ignored.
    let n = 0;
    const send = () => strict.browser().fetch("/api/open/slow", { headers: { "x-forwarded-for": `203.0.113.${n++}` } });
    const ofAddress = await flood(send, 6);
    await expectTooMany(ofAddress.rejected, 3);
    respondToHeld();
    await Promise.all(ofAddress.all);
  } finally {
    await strict.stop();
  }
});

it("idle counters are removed, but none that is in use or was just returned", () => {
  const table = createInFlightTable();
  const used = table.of("used");
  used.count++;
  for (let n = 0; n < 20_000; n++) {
    const fresh = table.of(`owner ${n}`);
    table.of(`other ${n}`);
    fresh.count++;
    expect(table.of(`owner ${n}`)).toBe(fresh);
    fresh.count--;
  }
  expect(table.of("used")).toBe(used);
  expect(table.size()).toBeLessThan(5_000);
});
