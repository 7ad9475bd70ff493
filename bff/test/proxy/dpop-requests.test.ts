// DPoP-bound access tokens towards upstreams (RFC 9449 §7 and §9): proofs, nonces, retries, and what browsers see of it.
import { setTimeout as sleep } from "node:timers/promises";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { createDpopVerifier, type DpopVerifier } from "@cloakroom/testing/dpop-verifier.ts";
import { openSocket, startSocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";
import { calculateJwkThumbprint } from "jose";
import type { ServerResponse } from "node:http";
import { newProofKey } from "../../src/lib/proof-key.ts";
import {
  BEARER,
  fetchApi,
  kept,
  startGateway as startFront,
  startRawUpstream,
  startUpstream,
  type Arrived,
  type GatewayOptions,
  type TestGateway,
  type TestUpstream,
} from "./gateway.ts";

const KEY = newProofKey();
const { d: _private, ...publicKey } = KEY;
const JKT = await calculateJwkThumbprint(publicKey);

/** A gateway whose user has an access token that is bound to KEY. */
async function startGateway(upstream: { origin: string }, options: GatewayOptions = {}): Promise<TestGateway> {
  const authorize = () => ({ accessToken: BEARER, proofKey: KEY });
  return kept(await startFront({ upstreams: `/api=${upstream.origin}/v1`, authorize, ...options }));
}

const proofOf = ({ headers }: Pick<Arrived, "headers">): string => String(headers["dpop"]);
const noncesOf = ({ arrived }: TestUpstream) => arrived.map((each) => decodeJwt(proofOf(each))["nonce"]);
const challenge = (response: ServerResponse, nonce: string | undefined, text = 'DPoP error="use_dpop_nonce"'): void => {
  response.writeHead(401, { "www-authenticate": text, ...(nonce === undefined ? {} : { "dpop-nonce": nonce }) }).end();
};

/** A resource server as RFC 9449 §4.3 describes it. */
async function startResourceServer(verifier: DpopVerifier = createDpopVerifier()): Promise<TestUpstream> {
  const upstream: TestUpstream = kept(
    await startUpstream((request, response) => {
      const [scheme, accessToken = ""] = (request.headers.authorization ?? "").split(" ");
      const url = `${upstream.origin}${(request.url ?? "").split("?")[0]}`;
      const proof = scheme === "DPoP" ? String(request.headers["dpop"]) : undefined;
      void verifier.verify({ proof, method: request.method ?? "", url, accessToken, jkt: JKT }).then((verdict) => {
        if (verdict.kind === "accepted") return response.end("ok");
        return challenge(
          response,
          verifier.nonce(),
          `DPoP error="${verdict.error}", error_description="${verdict.reason}"`,
        );
      });
    }),
  );
  return upstream;
}

describe("a forwarded request with a DPoP-bound access token", () => {
  test.each(["GET", "HEAD", "DELETE", "OPTIONS"])(
    "a %s carries a proof that a resource server accepts",
    async (method) => {
      const upstream = await startResourceServer();
      const response = await fetchApi(await startGateway(upstream), "/api/a%20b?q=1", { method });
      expect(response.status).toBe(200);
      expect(upstream.arrived[0]!.headers.authorization).toBe(`DPoP ${BEARER}`);
    },
  );

  test.each(["POST", "PUT", "PATCH"])(
    "a %s with a body carries a proof that a resource server accepts",
    async (method) => {
      const upstream = await startResourceServer();
      const response = await fetchApi(await startGateway(upstream), "/api/x", { method, body: "some text" });
      expect(response.status).toBe(200);
      expect(upstream.arrived[0]!.body).toBe("some text");
    },
  );

  test("the proof has the members of RFC 9449 §4.2, without query in htu and without the private key", async () => {
    const upstream = await startResourceServer();
    await fetchApi(await startGateway(upstream), "/api/orders?id=1");
    const proof = proofOf(upstream.arrived[0]!);
    expect(decodeProtectedHeader(proof)).toEqual({ typ: "dpop+jwt", alg: "ES256", jwk: publicKey });
    expect(decodeJwt(proof)).toEqual({
      jti: expect.stringMatching(/^[\w-]{22}$/),
      htm: "GET",
      htu: `${upstream.origin}/v1/orders`,
      iat: expect.any(Number),
      ath: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  test("two requests have different proofs", async () => {
    const upstream = await startResourceServer();
    const gateway = await startGateway(upstream);
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
  });

  test("the browser's own DPoP header is not forwarded, not even if requestHeaders lists it", async () => {
    const upstream = await startResourceServer();
    const gateway = await startGateway(upstream, { override: { requestHeaders: new Set(["dpop", "DPoP"]) } });
    expect((await fetchApi(gateway, "/api/x", { headers: { dpop: "of-the-browser" } })).status).toBe(200);
    expect(upstream.arrived[0]!.rawHeaders.filter((name) => name.toLowerCase() === "dpop")).toHaveLength(1);
  });

  test("a bearer token is sent as before, without a proof", async () => {
    const upstream = kept(await startUpstream());
    const gateway = await startGateway(upstream, { authorize: () => ({ accessToken: BEARER }) });
    await fetchApi(gateway, "/api/x", { headers: { dpop: "of-the-browser" } });
    expect(upstream.arrived[0]!.headers).toMatchObject({ authorization: `Bearer ${BEARER}` });
    expect(upstream.arrived[0]!.headers["dpop"]).toBeUndefined();
  });

  test("htu names the server that receives the request", async () => {
    const servers = [kept(await startUpstream()), kept(await startUpstream())];
    const baseUrls = servers.map(({ origin }) => `${origin}/v1`);
    const gateway = await startGateway(servers[0]!, { override: { baseUrls } });
    for (let round = 0; round < 4; round++) await fetchApi(gateway, "/api/x");
    for (const { arrived, origin } of servers) {
      expect(arrived).toHaveLength(2);
      expect(decodeJwt(proofOf(arrived[0]!))["htu"]).toBe(`${origin}/v1/x`);
    }
  });

  test("a retry on a stale connection carries a new proof", async () => {
    const heads: string[] = [];
    const upstream = kept(
      await startRawUpstream((socket, head, count) => {
        heads.push(head);
        // The second request is sent on a kept-alive connection that is being closed.
        if (count === 2) socket.destroy();
        else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }),
    );
    const gateway = await startGateway(upstream);
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    const proofs = heads.map((head) => /^dpop: (.+)$/im.exec(head)?.[1]?.trim());
    expect(proofs).toHaveLength(3);
    expect(new Set(proofs).size).toBe(3);
  });

  test("a WebSocket handshake carries a proof", async () => {
    const upstream = await startSocketUpstream();
    const gateway = await startGateway(upstream);
    const { socket, next } = await openSocket(gateway, "/api/ws");
    socket.send("x");
    await next();
    const [handshake] = upstream.handshakes;
    expect(handshake!.headers.authorization).toBe(`DPoP ${BEARER}`);
    expect(decodeJwt(proofOf(handshake!))).toMatchObject({ htm: "GET", htu: `${upstream.origin}/v1/ws` });
    socket.terminate();
    upstream.stop();
  });
});

describe("an upstream that demands nonces", () => {
  const startWithNonces = async (): Promise<{
    verifier: DpopVerifier;
    upstream: TestUpstream;
    gateway: TestGateway;
  }> => {
    const verifier = createDpopVerifier({ requireNonce: true });
    const upstream = await startResourceServer(verifier);
    return { verifier, upstream, gateway: await startGateway(upstream) };
  };

  test("the first request is repeated once with the nonce, and later ones carry it", async () => {
    const { verifier, upstream, gateway } = await startWithNonces();
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    expect(noncesOf(upstream)).toEqual([undefined, verifier.nonce(), verifier.nonce()]);
  });

  test("a new nonce is used after the old one was rejected", async () => {
    const { verifier, upstream, gateway } = await startWithNonces();
    await fetchApi(gateway, "/api/x");
    verifier.rotateNonce();
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    expect(noncesOf(upstream).at(-1)).toBe(verifier.nonce());
  });

  test.each([
    ["without a body", undefined],
    ["with an empty body", ""],
    ["with a short body", "short"],
    ["with a body of 64 kB", "x".repeat(65_536)],
  ])("a POST %s is repeated with the same body", async (_title, body) => {
    const { upstream, gateway } = await startWithNonces();
    const response = await fetchApi(gateway, "/api/x", { method: "POST", ...(body === undefined ? {} : { body }) });
    expect(response.status).toBe(200);
    expect(upstream.arrived.map((each) => each.body)).toEqual([body ?? "", body ?? ""]);
  });

  test("a chunked body is repeated as well", async () => {
    const { upstream, gateway } = await startWithNonces();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("in "));
        controller.enqueue(new TextEncoder().encode("chunks"));
        controller.close();
      },
    });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    expect((await fetchApi(gateway, "/api/x", init)).status).toBe(200);
    expect(upstream.arrived.map((each) => each.body)).toEqual(["in chunks", "in chunks"]);
  });

  test("a request with a long body gets 503, and the same request then succeeds", async () => {
    const { upstream, gateway } = await startWithNonces();
    const init = { method: "POST", body: "x".repeat(65_537) };
    const rejected = await fetchApi(gateway, "/api/x", init);
    expect(rejected.status).toBe(503);
    expect(rejected.headers.get("retry-after")).toBe("1");
    expect(((await rejected.json()) as { code: string }).code).toBe("upstream_unavailable");
    expect((await fetchApi(gateway, "/api/x", init)).status).toBe(200);
    expect(upstream.arrived).toHaveLength(2);
  });

  test("nonces of two servers are not mixed", async () => {
    const [one, two] = [
      kept(await startUpstream((_request, response) => void response.setHeader("dpop-nonce", "of-one").end())),
      kept(await startUpstream((_request, response) => void response.setHeader("dpop-nonce", "of-two").end())),
    ];
    const gateway = await startGateway(one, { upstreams: `/api/one=${one.origin},/api/two=${two.origin}` });
    for (const path of ["/api/one", "/api/two", "/api/one", "/api/two"]) await fetchApi(gateway, path);
    expect([noncesOf(one), noncesOf(two)]).toEqual([
      [undefined, "of-one"],
      [undefined, "of-two"],
    ]);
  });

  test("a WebSocket handshake is repeated with the nonce", async () => {
    const upstream = kept(await startUpstream((_request, response) => challenge(response, "n-1")));
    const gateway = await startGateway(upstream);
    await openSocket(gateway, "/api/ws").catch(() => undefined);
    await until("the repeated handshake", () => upstream.arrived.length === 2);
    expect(noncesOf(upstream)).toEqual([undefined, "n-1"]);
  });

  test("a request whose browser has closed the connection is not repeated", async () => {
    let first: ServerResponse | undefined;
    const upstream = kept(await startUpstream((_request, response) => void (first = response)));
    const gateway = await startGateway(upstream);
    const leaving = new AbortController();
    const request = fetchApi(gateway, "/api/x", { signal: leaving.signal }).catch(() => undefined);
    await until("the request", () => first !== undefined);
    leaving.abort();
    await request;
    await sleep(50);
    challenge(first!, "n-1");
    await sleep(50);
    expect(upstream.arrived).toHaveLength(1);
  });
});

describe("a hostile upstream", () => {
  test.each([
    ["a nonce that it rejects again", 'DPoP error="use_dpop_nonce"', (count: number) => `n-${count}`],
    ["the same nonce each time", 'DPoP error="use_dpop_nonce"', () => "same"],
    ["no nonce", 'DPoP error="use_dpop_nonce"', () => undefined],
    ["an oversized nonce", 'DPoP error="use_dpop_nonce"', () => "n".repeat(1_025)],
    ["a nonce with a space", 'DPoP error="use_dpop_nonce"', () => "a b"],
    ["a nonce with a quote", 'DPoP error="use_dpop_nonce"', () => 'a"b'],
    ["a nonce with a byte above 0x7F", 'DPoP error="use_dpop_nonce"', () => "n\xe9"],
    ["an empty nonce", 'DPoP error="use_dpop_nonce"', () => ""],
    ["two nonces", 'DPoP error="use_dpop_nonce"', () => "a, b"],
    ["the scheme in lower case", 'dpop error="use_dpop_nonce"', (count: number) => `n-${count}`],
    ["the scheme in upper case", 'DPOP error="use_dpop_nonce"', (count: number) => `n-${count}`],
    ["the error without quotes", "DPoP error=use_dpop_nonce", (count: number) => `n-${count}`],
    [
      "the error after other parameters",
      'DPoP realm="a, b", error = "use_dpop_nonce"',
      (count: number) => `n-${count}`,
    ],
    [
      "the challenge after another one",
      'Bearer realm="x", DPoP error="use_dpop_nonce"',
      (count: number) => `n-${count}`,
    ],
  ])(
    "an upstream that sends %s with each rejection gets two requests, and the browser a 502 with the reason in the log",
    async (_title, text, nonce) => {
      const upstream = kept(
        await startUpstream((_request, response) => challenge(response, nonce(upstream.arrived.length), text)),
      );
      const gateway = await startGateway(upstream);
      const response = await fetchApi(gateway, "/api/x");
      expect(response.status).toBe(502);
      expect(upstream.arrived).toHaveLength(2);
      expect(gateway.lines.map(({ reason }) => reason)).toContain(
        "the upstream rejected the DPoP nonce that it had just sent (use_dpop_nonce)",
      );
      for (const sent of noncesOf(upstream)) expect(sent ?? "valid").toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/);
    },
  );

  test.each([
    ["invalid_token", 'DPoP error="invalid_token"', 401],
    ["another scheme", 'Bearer error="use_dpop_nonce"', 401],
    ["a description that contains the code", 'DPoP error="invalid_token", error_description="use_dpop_nonce"', 401],
    ["another status", 'DPoP error="use_dpop_nonce"', 400],
  ])(
    "an upstream whose rejection has %s gets one request, and the browser its status",
    async (_title, text, status) => {
      const upstream = kept(
        await startUpstream(
          (_request, response) =>
            void response.writeHead(status, { "www-authenticate": text, "dpop-nonce": "n" }).end(),
        ),
      );
      const response = await fetchApi(await startGateway(upstream), "/api/x");
      expect(response.status).toBe(status);
      expect(upstream.arrived).toHaveLength(1);
    },
  );

  test("a nonce on every response is used once each, and never reaches the browser", async () => {
    const upstream = kept(
      await startUpstream(
        (_request, response) => void response.setHeader("DPoP-Nonce", `n-${upstream.arrived.length}`).end("ok"),
      ),
    );
    const gateway = await startGateway(upstream);
    for (let round = 0; round < 3; round++)
      expect((await fetchApi(gateway, "/api/x")).headers.get("dpop-nonce")).toBeNull();
    expect(noncesOf(upstream)).toEqual([undefined, "n-1", "n-2"]);
  });

  test("a rejection with an endless body is repeated", async () => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        if (upstream.arrived.length > 1) return void response.end("ok");
        response.writeHead(401, { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n" });
        return void response.write("x".repeat(10_000));
      }),
    );
    expect((await fetchApi(await startGateway(upstream), "/api/x")).status).toBe(200);
  });
});
