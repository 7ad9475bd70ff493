// A tap on the wire between browsers and the gateway: passes everything on as it is and writes down what came back.
// Playwright's own events do not show a redirect's body, an answer that was cut or a page that was left; this does.
import { createServer, request, ServerResponse, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Readable } from "node:stream";
import { brotliDecompressSync, constants, gunzipSync } from "node:zlib";

export type Exchange = {
  method: string;
  /** Path and query, as the browser asked. */
  url: string;
  /** The browser's own header fields: all but the cookie, which is where a session id belongs. */
  requestHeaders: string;
  status: number;
  headers: [name: string, value: string][];
  /** Decompressed; of a body that is still on its way, what has come so far. */
  body: () => string;
};

export type Tap = {
  readonly port: number;
  readonly exchanges: readonly Exchange[];
  stop: () => Promise<void>;
};

const maxBodyBytes = 4 * 1024 * 1024;

/** @param onLogoutToken told each that the provider sends to the gateway */
export async function startTap(gatewayPort: number, onLogoutToken?: (token: string) => void): Promise<Tap> {
  const exchanges: Exchange[] = [];
  // More than the gateway takes: the refusal must be its own.
  const server = createServer({ maxHeaderSize: 128 * 1024 }, (req, res) => {
    if (onLogoutToken !== undefined && req.url === "/bff/backchannel-logout") readLogoutToken(req, onLogoutToken);
    passOn({ req, res, gatewayPort, exchanges });
  });
  // Node no longer counts them among its connections.
  const webSockets = new Set<Socket>();
  server.on("upgrade", (req, connection) => {
    const socket = connection as Socket;
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    res.once("finish", () => socket.end());
    webSockets.add(socket);
    socket.once("close", () => webSockets.delete(socket));
    socket.on("error", () => socket.destroy());
    passOn({ req, res, gatewayPort, exchanges, socket });
  });
  // Longer than the gateway's, whose Keep-Alive field is passed on: else the tap closes a connection that its user was
  // promised, just as the next request is sent on it.
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    exchanges,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of webSockets) socket.destroy();
      }),
  };
}

type Passing = {
  req: IncomingMessage;
  res: ServerResponse;
  gatewayPort: number;
  exchanges: Exchange[];
  /** Of a WebSocket's handshake. */
  socket?: Socket;
};

function passOn({ req, res, gatewayPort, exchanges, socket }: Passing): void {
  const { method = "GET", url = "/" } = req;
  // A connection each: a kept one could be closed by the gateway just as the next request is sent on it.
  const options = { host: "127.0.0.1", port: gatewayPort, method, path: url, headers: req.rawHeaders, agent: false };
  const begin = (answer: IncomingMessage, body: Readable): void => {
    const status = answer.statusCode ?? 502;
    const headers = pairs(answer.rawHeaders);
    const encoding = answer.headers["content-encoding"];
    exchanges.push({
      method,
      url,
      requestHeaders: headersToSearch(req),
      status,
      headers,
      body: collect(body, encoding),
    });
    res.sendDate = false;
    res.writeHead(status, answer.statusMessage, answer.rawHeaders);
  };
  const onward = request(options, (answer) => {
    begin(answer, answer);
    answer.pipe(res);
    answer.on("error", () => res.destroy());
  });
  // What the browser sees of a gateway that is gone: a connection that ends.
  onward.on("error", () => res.destroy());
  res.on("close", () => onward.destroy());
  if (socket === undefined) {
    req.pipe(onward);
    return;
  }
  onward.once("upgrade", (answer, inner, head) => {
    inner.on("error", () => inner.destroy());
    inner.unshift(head);
    begin(answer, inner);
    res.flushHeaders();
    socket.pipe(inner).pipe(socket);
    socket.once("close", () => inner.destroy());
    inner.once("close", () => socket.end());
  });
  onward.end();
}

function readLogoutToken(req: IncomingMessage, onLogoutToken: (token: string) => void): void {
  let body = "";
  req.on("data", (chunk: Buffer) => (body += chunk.toString()));
  req.on("end", () => {
    const token = new URLSearchParams(body).get("logout_token");
    if (token !== null) onLogoutToken(token);
  });
}

function collect(body: Readable, encoding: string | undefined): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  body.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  });
  return () => decoded(Buffer.concat(chunks), encoding);
}

/** Of a body that is still on its way, what has come so far. */
function decoded(body: Buffer, encoding: string | undefined): string {
  if (body.length === 0 || encoding === undefined) return body.toString("utf8");
  if (encoding === "br")
    return brotliDecompressSync(body, { finishFlush: constants.BROTLI_OPERATION_FLUSH }).toString("utf8");
  if (encoding === "gzip") return gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8");
  throw new Error(`The tap cannot read content-encoding ${encoding}: teach it, or nothing in there is searched.`);
}

function headersToSearch(req: IncomingMessage): string {
  return pairs(req.rawHeaders)
    .filter(([name]) => name.toLowerCase() !== "cookie")
    .map((pair) => pair.join(": "))
    .join("\n");
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ""] as [string, string]] : []));
}
