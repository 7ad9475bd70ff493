// Load balancing, circuit breaker, retries on stale connections, and the connection queue.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { createBreaker } from "../../src/lib/circuit-breaker.ts";
import type { UpstreamServer } from "../../src/upstream/upstream-server.ts";
import { createBalancer } from "../../src/upstream/balancer.ts";
import {
  appRequest,
  fetchApi,
  kept,
  startGateway,
  startRawUpstream,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "../proxy/gateway.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** An upstream whose responses the test releases. */
async function slowUpstream(): Promise<TestUpstream & { held: ServerResponse[] }> {
  const held: ServerResponse[] = [];
  return { ...(await startUpstream((_request, response) => void held.push(response))), held };
}

async function back(upstream: TestUpstream): Promise<void> {
  upstream.server.listen(upstream.port, "127.0.0.1");
  await once(upstream.server, "listening");
}

const statsOf = (gateway: TestGateway) => gateway.upstreams[0]!.stats;
const statusOf = async (gateway: TestGateway, path = "/api/x", init?: RequestInit) =>
  (await fetchApi(gateway, path, init)).status;

describe("an upstream with several servers", () => {
  const startTwo = async (override: object = {}) => {
    const [one, two] = [await startUpstream(), await startUpstream()];
    kept(one);
    kept(two);
    const baseUrls = [`${one.origin}/v1`, `${two.origin}/v1`];
    const gateway = kept(await startGateway({ upstreams: `/api=${one.origin}`, override: { baseUrls, ...override } }));
    return { one, two, gateway };
  };

  test("requests are distributed over all servers, with each server's Host and the same base path", async () => {
    const { one, two, gateway } = await startTwo();
    for (let round = 0; round < 10; round++) expect(await statusOf(gateway)).toBe(200);
    expect([one.arrived.length, two.arrived.length]).toEqual([5, 5]);
    for (const upstream of [one, two])
      expect(upstream.arrived[0]).toMatchObject({ url: "/v1/x", headers: { host: new URL(upstream.origin).host } });
  });

  test("the server with the fewest in-flight requests is chosen", async () => {
    const [slow, fast] = [kept(await slowUpstream()), kept(await startUpstream())];
    const baseUrls = [slow.origin, fast.origin];
    const gateway = kept(await startGateway({ upstreams: `/api=${slow.origin}`, override: { baseUrls } }));
    const waiting: Promise<number>[] = [];
    while (slow.held.length === 0) {
      waiting.push(statusOf(gateway));
      await until("it arrives", () => slow.held.length + fast.arrived.length === waiting.length);
    }
    const before = fast.arrived.length;
    for (let round = 0; round < 6; round++) expect(await statusOf(gateway)).toBe(200);
    expect([slow.held.length, fast.arrived.length - before]).toEqual([1, 6]);
    for (const response of slow.held) response.end("ok");
    await Promise.all(waiting);
  });

  test("GET requests succeed while one server is down; it is skipped, then used again after it recovers", async () => {
    const { one, two, gateway } = await startTwo({ breakerOpenMs: 50 });
    one.stop();
    for (let round = 0; round < 6; round++) expect(await statusOf(gateway)).toBe(200);
    expect(two.arrived).toHaveLength(6);
    expect(statsOf(gateway).retries).toBeGreaterThanOrEqual(1);
    await back(one);
    let asked = 0;
    while (one.arrived.length === 0 && asked++ < 2_000) expect(await statusOf(gateway)).toBe(200);
    expect(one.arrived.length).toBeGreaterThan(0);
  });

  test("a server that is down is probed once per breakerOpenMs", async () => {
    const { one, gateway } = await startTwo({ breakerOpenMs: 3_600_000 });
    one.stop();
    for (let round = 0; round < 20; round++) expect(await statusOf(gateway)).toBe(200);
    expect(statsOf(gateway).retries).toBe(1);
  });

  test("a POST to a server that is down gets 502 and is not retried", async () => {
    const { one, two, gateway } = await startTwo({ breakerOpenMs: 3_600_000 });
    one.stop();
    const statuses = [];
    for (let round = 0; round < 4; round++)
      statuses.push(await statusOf(gateway, "/api/x", { method: "POST", body: "a" }));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 502]);
    expect(two.arrived).toHaveLength(3);
    expect(statsOf(gateway).retries).toBe(0);
  });

  test("if all servers are down, responses are 502 until the circuits open, then 503, and 200 after recovery", async () => {
    const { one, two, gateway } = await startTwo({ breakerFailures: 2, breakerOpenMs: 200 });
    one.stop();
    two.stop();
    const seen: number[] = [];
    while (seen.at(-1) !== 503 && seen.length < 20) seen.push(await statusOf(gateway));
    expect(seen.slice(0, -1).every((status) => status === 502)).toBe(true);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe(503);
    expect(statsOf(gateway).retries, "one for each request that was tried").toBeLessThan(seen.length);
    await back(two);
    await expect.poll(() => statusOf(gateway), { timeout: 10_000, interval: 20 }).toBe(200);
  });

  test("a redirect from one server to another is mapped to the public origin", async () => {
    const target = kept(await startUpstream());
    const upstream = kept(
      await startUpstream(
        (_request, response) => void response.writeHead(302, { Location: `${target.origin}/y` }).end(),
      ),
    );
    const override = { baseUrls: [upstream.origin, target.origin] };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const locations = new Set<string | null>();
    for (let round = 0; round < 4; round++) locations.add((await fetchApi(gateway, "/api/x")).headers.get("location"));
    expect(locations).toEqual(new Set(["/api/y", null]));
  });
});

describe("a server that refuses connections", () => {
  test("the circuit opens after breakerFailures: 503 with Retry-After without an attempt, then recovers", async () => {
    const upstream = await startUpstream();
    const override = { breakerFailures: 3, breakerOpenMs: 300 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    upstream.stop();
    for (let round = 0; round < 3; round++) expect(await statusOf(gateway)).toBe(502);
    const rejected = await fetchApi(gateway, "/api/x");
    expect([rejected.status, rejected.headers.get("retry-after")]).toEqual([503, "1"]);
    const text = await rejected.text();
    expect(JSON.parse(text)).toMatchObject({ code: "upstream_unavailable" });
    expect(text).not.toContain(String(upstream.port));
    expect(gateway.lines.find((line) => line["status"] === 503)).toMatchObject({
      code: "upstream_unavailable",
      reason: expect.stringContaining("circuit open"),
    });
    await back(upstream);
    kept(upstream);
    await expect.poll(() => statusOf(gateway), { timeout: 10_000, interval: 20 }).toBe(200);
    expect(statsOf(gateway).unavailable).toBeGreaterThan(0);
    const told = gateway.lines.filter((line) => line["url"] === upstream.origin).map((line) => line["msg"]);
    expect(told, "said once, not for every request").toEqual([
      "upstream marked unhealthy (circuit open)",
      "upstream marked healthy (circuit closed)",
    ]);
    for (let round = 0; round < 5; round++) expect(await statusOf(gateway)).toBe(200);
  });

  test("exactly one of many concurrent requests probes the server per breakerOpenMs", async () => {
    const upstream = await startUpstream();
    const override = { breakerFailures: 1, breakerOpenMs: 3_600_000 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    upstream.stop();
    expect(await statusOf(gateway)).toBe(502);
    const many = await Promise.all(Array.from({ length: 20 }, () => statusOf(gateway)));
    expect(many.every((status) => status === 503)).toBe(true);
  });

  test("the circuit closes when a connection succeeds, before a slow response arrives", async () => {
    const upstream = await slowUpstream();
    const override = { breakerFailures: 1, breakerOpenMs: 200 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    upstream.stop();
    expect(await statusOf(gateway)).toBe(502);
    await back(upstream);
    kept(upstream);
    const arrived = once(upstream.server, "request").then(() => "arrived");
    const slow: Promise<number>[] = [];
    do slow.push(statusOf(gateway));
    while ((await Promise.race([slow.at(-1), arrived])) !== "arrived");
    const more = [statusOf(gateway), statusOf(gateway)];
    await until("the others arrive before the first response", () => upstream.held.length >= 3);
    for (const response of upstream.held) response.end("ok");
    expect(await Promise.all(more)).toEqual([200, 200]);
    await Promise.all(slow);
  });

  test("no response status opens the circuit unless breakerStatuses contains it", async () => {
    const upstream = kept(await startUpstream((_request, response) => void response.writeHead(503).end()));
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { breakerFailures: 2 } }),
    );
    for (let round = 0; round < 6; round++) expect(await statusOf(gateway)).toBe(503);
    expect(upstream.arrived).toHaveLength(6);
    const override = { breakerFailures: 2, breakerOpenMs: 3_600_000, breakerStatuses: [503] };
    const counting = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    for (let round = 0; round < 6; round++) expect(await statusOf(counting)).toBe(503);
    expect(upstream.arrived).toHaveLength(8);
  });

  test("concurrent error responses do not open the circuit", async () => {
    // Sequential requests would close the circuit with their next connection.
    const upstream = kept(await slowUpstream());
    const override = { breakerFailures: 2, breakerOpenMs: 3_600_000 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const many = Array.from({ length: 8 }, () => statusOf(gateway));
    await until("all arrive before the first response", () => upstream.held.length === 8);
    for (const response of upstream.held) response.writeHead(503).end();
    expect(new Set(await Promise.all(many))).toEqual(new Set([503]));
    const more = Array.from({ length: 4 }, () => statusOf(gateway));
    await until("the API is still asked", () => upstream.held.length === 12);
    for (const response of upstream.held.slice(8)) response.end("ok");
    expect(await Promise.all(more)).toEqual([200, 200, 200, 200]);
  });

  test("response timeouts and aborted connections do not open the circuit, since browsers can cause them", async () => {
    const upstream = kept(
      await startRawUpstream(
        (socket, head) => void (head.includes("/cut") ? socket.resetAndDestroy() : socket.write(OK)),
      ),
    );
    const override = { breakerFailures: 1, breakerOpenMs: 3_600_000 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    for (let round = 0; round < 5; round++) {
      expect(await statusOf(gateway, "/api/cut", { method: "POST" })).toBe(502);
      expect(await statusOf(gateway)).toBe(200);
    }
  });
});

describe("a stale connection", () => {
  /** Responds to the first request on each connection and resets the connection at the second one. */
  const startForgetful = async (onSecond: (socket: Socket) => void) => {
    const seen = new WeakSet<object>();
    const heads: string[] = [];
    const upstream = kept(
      await startRawUpstream((socket, head) => {
        heads.push(head.split(" HTTP")[0] ?? "");
        if (seen.has(socket)) return onSecond(socket);
        seen.add(socket);
        return void socket.write(OK);
      }),
    );
    return { ...upstream, heads };
  };
  const reset = (socket: Socket) => void socket.resetAndDestroy();

  test.each(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])(
    "a %s request without a body is retried once on a stale connection",
    async (method) => {
      const upstream = await startForgetful(reset);
      const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
      expect(await statusOf(gateway, "/api/1")).toBe(200);
      expect(await statusOf(gateway, "/api/2", { method })).toBe(200);
      expect(upstream.heads).toEqual(["GET /1", `${method} /2`, `${method} /2`]);
      expect(statsOf(gateway)).toMatchObject({ complete: 2, retries: 1, unreachable: 0 });
    },
  );

  test.each([
    ["POST without a body", { method: "POST" }],
    ["PATCH without a body", { method: "PATCH" }],
    ["PUT with a body", { method: "PUT", body: "a" }],
  ])("%s is never sent twice", async (_name, init) => {
    const upstream = await startForgetful(reset);
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect(await statusOf(gateway, "/api/1")).toBe(200);
    expect(await statusOf(gateway, "/api/2", init)).toBe(502);
    expect(upstream.heads).toEqual(["GET /1", `${init.method} /2`]);
  });

  test("a retried request is not retried again", async () => {
    const upstream = kept(
      await startRawUpstream(
        (socket, _head, count) => void (count === 1 ? socket.write(OK) : socket.resetAndDestroy()),
      ),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect(await statusOf(gateway, "/api/1")).toBe(200);
    expect(await statusOf(gateway, "/api/2")).toBe(502);
    expect(upstream.connections()).toBe(2);
    expect(statsOf(gateway).retries).toBe(1);
  });

  test("a request that breaks a new connection is not retried", async () => {
    let asked = 0;
    const upstream = kept(
      await startRawUpstream((socket) => {
        asked++;
        socket.resetAndDestroy();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect(await statusOf(gateway)).toBe(502);
    expect(asked).toBe(1);
  });

  test.each([
    ["one byte of a response", "H"],
    ["an interim response", "HTTP/1.1 103 Early Hints\r\n\r\n"],
    ["half a response head", "HTTP/1.1 200 OK\r\nContent-"],
  ])("a request is not retried after %s was received", async (_name, bytes) => {
    const upstream = await startForgetful((socket) => {
      socket.write(bytes, () => setImmediate(() => socket.destroySoon()));
    });
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect(await statusOf(gateway, "/api/1")).toBe(200);
    expect(await statusOf(gateway, "/api/2")).toBe(502);
    expect(upstream.heads).toEqual(["GET /1", "GET /2"]);
  });

  test("a request whose browser has disconnected is not retried", async () => {
    let second: Socket | undefined;
    const upstream = await startForgetful((socket) => void (second = socket));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect(await statusOf(gateway, "/api/1")).toBe(200);
    const browser = connect(gateway.port, "127.0.0.1");
    browser.write(appRequest(gateway, "GET /api/2"));
    await until("the second request arrives", () => second !== undefined);
    browser.destroy();
    await until("the browser has left", () => statsOf(gateway).browser_left === 1);
    second!.destroy();
    expect(await statusOf(gateway, "/api/3")).toBe(200);
    expect(upstream.heads).toEqual(["GET /1", "GET /2", "GET /3"]);
    expect(statsOf(gateway).retries).toBe(0);
  });
});

describe("more requests than maxConnections", () => {
  const startFull = async (override: object) => {
    const upstream = kept(await slowUpstream());
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { maxConnections: 2, ...override } }),
    );
    return { upstream, gateway };
  };
  const queued = (gateway: TestGateway) => gateway.upstreams[0]!.balancer.queued();

  test("requests beyond maxConnections are queued in FIFO order; beyond maxQueued they get 503", async () => {
    const { upstream, gateway } = await startFull({ maxQueued: 2, queueTimeoutMs: 60_000 });
    const responses: Promise<number>[] = [];
    for (let at = 1; at <= 4; at++) {
      responses.push(statusOf(gateway, `/api/${at}`));
      await until("it is in flight or queued", () => upstream.held.length + queued(gateway) === at);
    }
    const rejected = await fetchApi(gateway, "/api/5");
    expect([rejected.status, rejected.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await rejected.json()).toMatchObject({ code: "upstream_unavailable" });
    for (let index = 0; index < 4; index++) {
      await until("the next one arrives", () => upstream.held.length > index);
      upstream.held[index]!.end("ok");
    }
    expect(await Promise.all(responses)).toEqual([200, 200, 200, 200]);
    expect(upstream.arrived.slice(2).map(({ url }) => url)).toEqual(["/3", "/4"]);
    expect(statsOf(gateway)).toMatchObject({ complete: 4, unavailable: 1 });
    expect(gateway.upstreams[0]!.servers[0]!.inFlight).toBe(0);
  });

  test("a queued request gets 503 after queueTimeoutMs; a browser that disconnects leaves the queue", async () => {
    const { upstream, gateway } = await startFull({ maxQueued: 1, queueTimeoutMs: 100 });
    const held = [statusOf(gateway, "/api/1"), statusOf(gateway, "/api/2")];
    await until("both connections are taken", () => upstream.held.length === 2);
    expect(await statusOf(gateway, "/api/3")).toBe(503);
    const browser = connect(gateway.port, "127.0.0.1");
    browser.write(appRequest(gateway, "GET /api/4"));
    await until("it waits", () => queued(gateway) === 1);
    browser.destroy();
    await until("it waits no more", () => queued(gateway) === 0);
    for (const response of upstream.held) response.end("ok");
    expect(await Promise.all(held)).toEqual([200, 200]);
    expect(upstream.arrived.map(({ url }) => url).toSorted()).toEqual(["/1", "/2"]);
  });

  test("a full queue of one upstream does not delay another upstream", async () => {
    const { upstream, gateway: _full } = await startFull({});
    const other = kept(await startUpstream());
    const gateway = kept(
      await startGateway({
        upstreams: `/api=${upstream.origin},/api/other=${other.origin}`,
        override: { maxConnections: 1, maxQueued: 0 },
      }),
    );
    const first = statusOf(gateway, "/api/1");
    await until("the only connection is taken", () => upstream.held.length === 1);
    expect(await statusOf(gateway, "/api/2")).toBe(503);
    expect(await statusOf(gateway, "/api/other/x")).toBe(200);
    upstream.held[0]!.end("ok");
    expect(await first).toBe(200);
  });
});

test("a POST probes a server that was down only if no GET does for one interval", () => {
  let nowMs = 0;
  const address = (origin: string): UpstreamServer => {
    const breaker = createBreaker({ failuresToOpen: 5, probeEveryMs: 100, now: () => nowMs });
    return { origin, breaker, report: breaker.report, inFlight: 0, pool: undefined as never };
  };
  const [up, down] = [address("http://up"), address("http://down")];
  const rules = { maxConnections: 0, maxQueued: 0, queueTimeoutMs: 1, breakerFailures: 5 };
  const balancer = createBalancer([up, down], rules, () => {});
  const takenBy = (isRepeatable: boolean) => {
    const taken = balancer.acquire(isRepeatable)!;
    balancer.release(taken);
    return taken.origin;
  };
  down.breaker.report(false);
  nowMs = 100;
  expect([takenBy(false), takenBy(false)]).toEqual(["http://up", "http://up"]);
  expect([takenBy(true), takenBy(true)].toSorted(), "one reader asks").toEqual(["http://down", "http://up"]);
  nowMs = 399;
  expect([takenBy(false), takenBy(false)].toSorted(), "no other request came").toEqual(["http://down", "http://up"]);
});

test("upstream metrics count requests by outcome and show the state of each server", async () => {
  const [up, down] = [kept(await startUpstream()), await startUpstream()];
  down.stop();
  const override = { breakerFailures: 1, breakerOpenMs: 3_600_000 };
  const gateway = kept(await startGateway({ upstreams: `/api=${up.origin},/api/down=${down.origin}`, override }));
  expect([await statusOf(gateway), await statusOf(gateway, "/api/down"), await statusOf(gateway, "/api/down")]).toEqual(
    [200, 502, 503],
  );
  const text = await gateway.metrics.scrape();
  for (const line of [
    `cloakroom_upstream_requests_total{upstream="/api",outcome="complete",application="shop"} 1`,
    `cloakroom_upstream_requests_total{upstream="/api/down",outcome="unreachable",application="shop"} 1`,
    `cloakroom_upstream_requests_total{upstream="/api/down",outcome="unavailable",application="shop"} 1`,
    `cloakroom_upstream_retries_total{upstream="/api",application="shop"} 0`,
    `cloakroom_upstream_in_flight{upstream="/api",address="${up.origin}",application="shop"} 0`,
    `cloakroom_upstream_connections{upstream="/api",address="${up.origin}",application="shop"} 1`,
    `cloakroom_upstream_circuit_open{upstream="/api",address="${up.origin}",application="shop"} 0`,
    `cloakroom_upstream_circuit_open{upstream="/api/down",address="${down.origin}",application="shop"} 1`,
  ])
    expect(text.split("\n")).toContain(line);
  expect(await gateway.metrics.scrape(), "asking again counts nothing twice").toContain(
    `cloakroom_upstream_requests_total{upstream="/api",outcome="complete",application="shop"} 1\n`,
  );
});
