// An upstream over HTTP/2: everything crosses as over HTTP/1.1, and half an answer never looks complete.
import { once } from "node:events";
import {
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type IncomingHttpHeaders,
} from "node:http2";
import { connect, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { appRequest, eventually, fetchApi, kept, sendRaw, startGateway } from "../proxy/gateway.ts";

const authority = testAuthority();

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function startHttp2(onStream: OnStream) {
  const server: Http2SecureServer = createSecureServer({ ...authority.issue("orders.test"), allowHTTP1: true });
  const sessions = new Set<ServerHttp2Session>();
  const paths: string[] = [];
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}).on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    paths.push(`${headers[":method"]} ${headers[":path"]}`);
    stream.on("error", () => {});
    onStream(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const upstream = kept({
    paths,
    sessions,
    stop() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  });
  const gateway = kept(
    await startGateway({
      upstreams: `/api=https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      override: { http2: true, tls: { ca: authority.cert, servername: "orders.test" }, headersTimeoutMs: 5_000 },
    }),
  );
  return { upstream, gateway };
}

const CHUNK = Buffer.alloc(65_536, "x");

describe("an upstream over HTTP/2", () => {
  test("gets the bearer, answers, and many requests share one connection", async () => {
    const seen: IncomingHttpHeaders[] = [];
    const { upstream, gateway } = await startHttp2((stream, headers) => {
      seen.push(headers);
      stream.respond({ ":status": 200, "content-type": "text/plain" });
      stream.end("ok");
    });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => fetchApi(gateway, `/api/${at}`)));
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(40).fill("ok"));
    expect(upstream.sessions.size).toBe(1);
    expect(seen[0]).toMatchObject({ authorization: expect.stringMatching(/^Bearer /), ":scheme": "https" });
    expect(seen[0]!.cookie).toBeUndefined();
  });

  test.each([
    ["GET", 204],
    ["GET", 304],
    ["HEAD", 200],
    ["DELETE", 205],
  ])("%s %i ends", async (method, status) => {
    const { gateway } = await startHttp2((stream) => stream.respond({ ":status": status }, { endStream: true }));
    for (let round = 0; round < 2; round++)
      expect((await sendRaw(gateway.port, appRequest(gateway, `${method} /api/x`))).status).toBe(status);
  });

  test("a body goes up and comes down whole", async () => {
    const { gateway } = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    const body = "0123456789".repeat(200_000);
    const answer = await fetchApi(gateway, "/api/x", { method: "POST", body });
    expect(await answer.text()).toBe(body);
  });

  test("an event stream's events arrive one by one, and the browser's leaving ends the call", async () => {
    let stream: ServerHttp2Stream | undefined;
    const { gateway } = await startHttp2((opened) => {
      stream = opened;
      opened.respond({ ":status": 200, "content-type": "text/event-stream" });
    });
    const answer = await fetchApi(gateway, "/api/events", { headers: { accept: "text/event-stream" } });
    const reader = answer.body!.getReader();
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      stream!.write(event);
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(event);
    }
    await reader.cancel();
    await eventually(() => stream!.closed, "the upstream sees the browser leave");
  });

  test("a browser that leaves before the answer ends the call, and disturbs no other on the connection", async () => {
    const open = new Map<string, ServerHttp2Stream>();
    const { gateway } = await startHttp2((stream, headers) => void open.set(String(headers[":path"]), stream));
    const other = fetchApi(gateway, "/api/other");
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/slow"));
    await eventually(() => open.size === 2, "both arrive");
    socket.destroy();
    await eventually(() => open.get("/slow")!.closed, "the call ends");
    open.get("/other")!.respond({ ":status": 200 });
    open.get("/other")!.end("fine");
    expect(await (await other).text()).toBe("fine");
  });

  test.each<[string, (stream: ServerHttp2Stream) => void]>([
    ["resets the stream", (stream) => stream.destroy(new Error("broken"))],
    ["cuts the connection", (stream) => stream.session!.destroy()],
  ])("an answer whose upstream %s in the middle never looks complete", async (_name, breakOff) => {
    const { gateway } = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half", () => setImmediate(() => breakOff(stream)));
    });
    const text = await fetchApi(gateway, "/api/x")
      .then((answer) => answer.text())
      .catch(() => "cut");
    expect(text).toBe("cut");
  });

  test("an early answer to an upload is delivered", async () => {
    const { gateway } = await startHttp2((stream) => {
      stream.respond({ ":status": 413, "content-length": "9" });
      stream.end("too large");
    });
    const body = "x".repeat(2_000_000);
    const answer = await sendRaw(gateway.port, appRequest(gateway, "POST /api/x", ["Content-Length: 100000000"], body));
    expect([answer.status, answer.body]).toEqual([413, "too large"]);
  });

  test("a browser that does not read stops the upstream", async () => {
    let sentBytes = 0;
    const { gateway } = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      const more = () => {
        while (sentBytes < 200 * 1024 * 1024) {
          sentBytes += CHUNK.length;
          if (!stream.write(CHUNK)) return void stream.once("drain", more);
        }
      };
      more();
    });
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/big"));
    await once(socket, "readable");
    let last = -1;
    for (let quietTurns = 0; quietTurns < 200; quietTurns++) {
      if (sentBytes !== last) quietTurns = 0;
      last = sentBytes;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
  });

  test("a connection that the upstream has closed is replaced", async () => {
    const { upstream, gateway } = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
    for (let round = 0; round < 3; round++) {
      expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
      for (const session of upstream.sessions) session.close();
      await eventually(() => upstream.sessions.size === 0, "it is closed");
    }
  });
});
