// A response that rejects the access token while another token is fetched: what its upstream, its browser and the token's
// source may do in the meantime.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { GatewayError } from "../../src/errors.ts";
import type { Authorized } from "../../src/proxy/authorize.ts";
import { appRequest, BEARER, fetchApi, kept, startGateway, startUpstream, type TestGateway } from "./gateway.ts";

const REJECTION = { "www-authenticate": 'Bearer error="invalid_token"' };

/** A gateway whose access token is rejected, and a function that ends the wait for another one. */
async function startWith(handle: Parameters<typeof startUpstream>[0]) {
  const renewal = Promise.withResolvers<Authorized>();
  renewal.promise.catch(() => undefined);
  const upstream = kept(await startUpstream(handle));
  const gateway = kept(
    await startGateway({
      upstreams: `/api=${upstream.origin}`,
      authorize: (_request, _upstream, _state, rejected) =>
        rejected === undefined ? { accessToken: BEARER } : renewal.promise,
    }),
  );
  return { upstream, gateway, ...renewal };
}
const statsOf = (gateway: TestGateway) => gateway.upstreams[0]!.stats;
const isRejected = (headers: { authorization?: string | undefined }) => headers.authorization === `Bearer ${BEARER}`;

describe("while another token is fetched", () => {
  test("nothing is sent to the browser, and the repeated request has the new token", async () => {
    const { upstream, gateway, resolve } = await startWith(({ headers }, response) => {
      if (isRejected(headers)) response.writeHead(401, REJECTION).end("rejected");
      else response.end("accepted");
    });
    const pending = fetchApi(gateway, "/api/x");
    await until("the first request", () => upstream.arrived.length === 1);
    resolve({ accessToken: "another" });
    const response = await pending;
    expect([response.status, await response.text()]).toEqual([200, "accepted"]);
    expect(upstream.arrived.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${BEARER}`,
      "Bearer another",
    ]);
    expect(statsOf(gateway)).toMatchObject({ complete: 1, retries: 1 });
  });

  test("a token that is rejected again is forwarded as the response", async () => {
    const { upstream, gateway, resolve } = await startWith((_request, response) => {
      response.writeHead(401, REJECTION).end("rejected");
    });
    resolve({ accessToken: "another" });
    const response = await fetchApi(gateway, "/api/x");
    expect([response.status, await response.text(), upstream.arrived.length]).toEqual([401, "rejected", 2]);
  });

  test("a browser that leaves ends the exchange, and the request is not repeated", async () => {
    const { upstream, gateway, resolve } = await startWith((_request, response) => {
      response.writeHead(401, REJECTION).end("rejected");
    });
    const socket = connect(gateway.port, "127.0.0.1", () => socket.write(appRequest(gateway, "GET /api/x")));
    await until("the first request", () => upstream.arrived.length === 1);
    socket.destroy();
    await until("the end of the exchange", () => statsOf(gateway).browser_left === 1);
    resolve({ accessToken: "another" });
    await sleep(50);
    expect([upstream.arrived.length, statsOf(gateway).complete]).toEqual([1, 0]);
  });

  test.each([
    ["another token: the request is repeated", { accessToken: "another" }, 200],
    ["no other token: the response is aborted", { accessToken: BEARER }, undefined],
  ])("the upstream aborts its response, %s", async (_what, authorized, status) => {
    const sockets: Socket[] = [];
    const { gateway, resolve } = await startWith(({ headers }, response) => {
      if (!isRejected(headers)) return void response.end("accepted");
      response.writeHead(401, { ...REJECTION, "content-length": "1000" }).write("partial");
      sockets.push(response.socket as Socket);
    });
    const pending = fetchApi(gateway, "/api/x").then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => undefined,
    );
    await until("the response", () => sockets.length === 1);
    await sleep(50);
    sockets[0]!.destroy();
    await sleep(50);
    resolve(authorized);
    expect(await pending.catch(() => undefined)).toBe(status);
  });

  test("a long body is paused, and complete if there is no other token", async () => {
    const sent = 20_000_000;
    let socket: Socket | undefined;
    const { gateway, resolve } = await startWith((_request, response) => {
      socket = response.socket as Socket;
      response.writeHead(401, REJECTION).end(Buffer.alloc(sent, "x"));
    });
    const pending = fetchApi(gateway, "/api/x");
    await until("the response", () => (socket?.bytesWritten ?? 0) > 0);
    await sleep(300);
    // What the gateway and the buffers of both sockets take.
    expect(socket!.writableLength).toBeGreaterThan(sent / 4);
    resolve({ accessToken: BEARER });
    const response = await pending;
    expect([response.status, (await response.text()).length]).toEqual([401, sent]);
  });

  test("the end of the session replaces the response", async () => {
    const { upstream, gateway, reject } = await startWith((_request, response) => {
      response.writeHead(401, REJECTION).end("rejected");
    });
    const pending = fetchApi(gateway, "/api/x");
    await until("the first request", () => upstream.arrived.length === 1);
    reject(new GatewayError("session_revoked"));
    const response = await pending;
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, "session_revoked"]);
  });

  test("an outage does not", async () => {
    const { upstream, gateway, reject } = await startWith((_request, response) => {
      response.writeHead(401, REJECTION).end("rejected");
    });
    const pending = fetchApi(gateway, "/api/x");
    await until("the first request", () => upstream.arrived.length === 1);
    reject(new GatewayError("provider_unavailable", { retryAfterSeconds: 1 }));
    const response = await pending;
    expect([response.status, await response.text()]).toEqual([401, "rejected"]);
  });
});
