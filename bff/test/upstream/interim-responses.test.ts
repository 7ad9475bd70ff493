// Unexpected interim responses of an upstream (RFC 9110 §15.2): the final response must reach the browser.
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:tls";
import { describe, expect, test } from "vitest";
import { InterimResponses } from "../../src/upstream/interim-responses.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { appRequest, fetchApi, kept, sendRaw, startGateway, startRawUpstream } from "../proxy/gateway.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const PROCESSING = "HTTP/1.1 102 Processing\r\n\r\n";
const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\nX-Secret: a: 100\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

const INTERIM: [title: string, bytes: string][] = [
  ["100", CONTINUE],
  ["100 with headers", "HTTP/1.1 100 Continue\r\nServer: x\r\nX-100: HTTP/1.1 100\r\nDate: now\r\n\r\n"],
  ["100 without a reason", "HTTP/1.1 100 \r\n\r\n"],
  ["100 with Connection: keep-alive", "HTTP/1.1 100 Continue\r\nConnection: keep-alive\r\n\r\n"],
  ["100 with Connection: close", "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n"],
  [
    "100 with Content-Length and Transfer-Encoding",
    "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  ["103 with Connection: close, upgrade", "HTTP/1.1 103 Hints\r\nconnection: close, upgrade\r\nUpgrade: x\r\n\r\n"],
  ["102", PROCESSING],
  ["103", HINTS],
  ["199", "HTTP/1.1 199 Own\r\n\r\n"],
  ["100 twice", CONTINUE + CONTINUE],
  ["100, 102, 103, 100", CONTINUE + PROCESSING + HINTS + CONTINUE],
  ["103, then 100", HINTS + CONTINUE],
  ["fifty times 100", CONTINUE.repeat(50)],
];

const REQUESTS: [title: string, line: string, extra: string[], body: string][] = [
  ["GET", "GET /api/x", [], ""],
  ["POST with a body", "POST /api/x", ["Content-Length: 5"], "hello"],
  ["PUT in chunks", "PUT /api/x", ["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"],
  ["DELETE", "DELETE /api/x", [], ""],
];

const PIECES: [title: string, write: (socket: Socket, bytes: string) => Promise<void>][] = [
  ["in one piece", async (socket, bytes) => void socket.write(bytes)],
  [
    "byte by byte",
    async (socket, bytes) => {
      for (const byte of bytes) {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  ],
];

describe.each(REQUESTS)("a %s", (_title, line, extra, body) => {
  const ways = line.startsWith("GET") ? PIECES : PIECES.slice(0, 1);
  const cases = INTERIM.flatMap(([title, bytes]) =>
    ways.map(([how, write]) => [`${title} ${how}`, bytes, write] as const),
  );
  test.each(cases)(
    "the browser gets the final response after %s, and the next request gets its own response",
    async (_interim, bytes, write) => {
      let requests = 0;
      const upstream = kept(
        await startRawUpstream((socket) => {
          requests++;
          void write(socket.setNoDelay(true), bytes + OK);
        }),
      );
      const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
      for (const round of [1, 2, 3]) {
        const response = await sendRaw(gateway.port, appRequest(gateway, line, extra, body));
        expect([response.status, response.body, requests]).toEqual([200, "done", round]);
        expect(response.raw).not.toMatch(/HTTP\/1\.1 1\d\d|Early|Continue|X-Secret/i);
      }
      expect(upstream.connections()).toBe(1);
    },
  );
});

test.each(["204 No Content\r\n\r\n", "304 Not Modified\r\n\r\n", "503 Busy\r\nContent-Length: 4\r\n\r\nbusy"])(
  "an interim response before %j is ignored",
  async (final) => {
    const upstream = kept(await startRawUpstream((socket) => void socket.write(`${CONTINUE}HTTP/1.1 ${final}`)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect((await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"))).status).toBe(Number(final.slice(0, 3)));
    expect((await sendRaw(gateway.port, appRequest(gateway, "HEAD /api/x"))).status).toBe(Number(final.slice(0, 3)));
  },
);

test("a response body that contains an interim response is forwarded unchanged", async () => {
  const body = `${CONTINUE}${CONTINUE}`;
  const final = `HTTP/1.1 200 OK\r\nX-Own: HTTP/1.1 100\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const upstream = kept(await startRawUpstream((socket) => void socket.write(CONTINUE + final)));
  const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
  const response = await fetchApi(gateway, "/api/x");
  expect([response.headers.get("x-own"), await response.text()]).toEqual(["HTTP/1.1 100", body]);
});

test.each([
  ["before a rejected WebSocket handshake", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403],
  [
    "before a 101 with a wrong Sec-WebSocket-Accept",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    502,
  ],
])("100 %s is ignored", async (_title, final, status) => {
  const upstream = kept(await startRawUpstream((socket) => void socket.write(CONTINUE + final)));
  const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
  const handshake = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Origin: http://127.0.0.1:${gateway.port}`,
  ];
  expect((await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", handshake))).status).toBe(status);
});

test.each([
  ["with Upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
  ["after a 100", `${CONTINUE}HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n`],
])("101 %s that no request asked for is 502, and its connection is not used again", async (_title, bytes) => {
  let count = 0;
  const upstream = kept(await startRawUpstream((socket) => void socket.write(++count === 1 ? bytes + OK : OK)));
  const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
  expect((await fetchApi(gateway, "/api/x", { method: "POST" })).status).toBe(502);
  expect((await fetchApi(gateway, "/api/x", { method: "POST" })).status).toBe(200);
  expect(upstream.connections()).toBe(2);
});

describe("over TLS", () => {
  const authority = testAuthority();
  const override = { tls: { ca: authority.cert, servername: "orders.test" } };

  test("100 Continue is ignored over TLS", async () => {
    const server = createServer(authority.issue("orders.test"), (socket) => {
      socket.on("error", () => {}).on("data", () => socket.write(CONTINUE + OK));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const gateway = kept(await startGateway({ upstreams: `/api=https://127.0.0.1:${port}`, override }));
    expect(await (await fetchApi(gateway, "/api/x")).text()).toBe("done");
    server.close();
  });
});

test("only the status of a 100 and the header names of interim responses are rewritten, at any chunk boundary", () => {
  const stream = `\r\n${CONTINUE}${HINTS}${CONTINUE}HTTP/1.1 100 x\nA: b\n\n${OK}${CONTINUE}`;
  const expected =
    `\r\n${CONTINUE}${HINTS}${CONTINUE}HTTP/1.1 100 x\nA: b\n\n`
      .replaceAll("1.1 100", "1.1 102")
      .replace("Link:", "Xink:")
      .replace("\nA: b", "\nX: b") +
    OK +
    CONTINUE;
  for (let cut = 0; cut <= stream.length; cut++) {
    const interim = new InterimResponses();
    interim.expectResponse();
    const parts = [Buffer.from(stream.slice(0, cut)), Buffer.from(stream.slice(cut))];
    for (const part of parts) interim.rewrite(part);
    expect(Buffer.concat(parts).toString()).toBe(expected);
  }
});
