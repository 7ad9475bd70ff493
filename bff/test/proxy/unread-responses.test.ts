// Buffered bytes of responses that a browser does not read.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Dispatcher } from "undici";
import { expect, test, vi } from "vitest";
import { Connection } from "../../src/upstream/connection.ts";
import { boundedReads } from "../../src/upstream/read-limits.ts";
import { appRequest, kept, startGateway, startUpstream } from "./gateway.ts";

const BODY = Buffer.alloc(8_000_000, "x");
const PIECE_BYTES = 32_768;
/** Node's limit, above which the upstream is paused. */
const HIGH_WATER_MARK = 65_536;

/** Polls until the value is stable. */
async function settled(value: () => number): Promise<number> {
  let last = value();
  for (let same = 0; same < 5;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    same = value() === last && last > 0 ? same + 1 : 0;
    last = value();
  }
  return last;
}

test("an unread download keeps only Node's socket buffers, without the chunk of its head", async () => {
  const controllers: Dispatcher.DispatchController[] = [];
  const dispatch = vi.spyOn(Connection.prototype, "dispatch").mockImplementation(function (
    this: Connection,
    ...[options, handler]: Parameters<Connection["dispatch"]>
  ) {
    const onRequestStart = handler.onRequestStart?.bind(handler);
    handler.onRequestStart = (controller, context) => {
      controllers.push(controller);
      onRequestStart?.(controller, context);
    };
    dispatch.mockRestore();
    return this.dispatch(options, handler);
  });
  const upstream = kept(await startUpstream((_request, response) => void response.end(BODY)));
  const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
  const responses: ServerResponse[] = [];
  gateway.server.prependListener("request", (_request, response) => void responses.push(response));
  const browser = connect(gateway.port, "127.0.0.1").pause();
  browser.write(appRequest(gateway, "GET /api/big"));

  const waitingBytes = await settled(() => responses[0]?.writableLength ?? 0);
  expect(waitingBytes).toBeLessThanOrEqual(HIGH_WATER_MARK + PIECE_BYTES);
  expect(controllers.map(({ rawHeaders }) => rawHeaders)).toEqual([null]);
  browser.destroy();
});

test("an unread connection keeps one chunk in a buffer of its exact length", async () => {
  const server = createServer((socket) => void socket.on("error", () => undefined).end(BODY)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket: Socket = connect({ port, host: "127.0.0.1", ...boundedReads("http:") });
  await once(socket, "readable");
  expect(await settled(() => socket.readableLength)).toBeLessThanOrEqual(PIECE_BYTES);
  const lengths: number[] = [];
  const kept: number[] = [];
  let bytes = 0;
  for await (const piece of socket as AsyncIterable<Buffer>) {
    lengths.push(piece.length);
    kept.push(piece.buffer.byteLength);
    bytes += piece.length;
    expect(piece.every((byte) => byte === BODY[0])).toBe(true);
  }
  expect(bytes).toBe(BODY.length);
  expect(kept).toEqual(lengths);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(PIECE_BYTES);
  server.close();
});

test("small chunks of two connections do not overwrite each other", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [first, second] = [1, 2].map(() => connect({ port, host: "127.0.0.1", ...boundedReads("http:") }));
  await expect.poll(() => sockets.length).toBe(2);
  sockets.forEach((socket, index) => socket.end(`of connection ${index}`));
  await expect.poll(() => [first?.readableLength, second?.readableLength]).toEqual([15, 15]);
  const texts = [first, second].map((socket) => String(socket?.read()));
  expect(texts.toSorted()).toEqual(["of connection 0", "of connection 1"]);
  first?.destroy();
  second?.destroy();
  server.close();
});
