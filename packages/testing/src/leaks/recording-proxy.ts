// A recording reverse proxy between browsers and the gateway, WebSockets included. Unlike Playwright's events it records
// the bodies of redirects, truncated responses, and responses to pages that have been left.
import { createServer, request, ServerResponse, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Readable } from "node:stream";
import { brotliDecompressSync, constants, gunzipSync } from "node:zlib";
import type { Exchange } from "./exchange.ts";

export type RecordingProxy = {
  readonly port: number;
  readonly exchanges: readonly Exchange[];
  stop: () => Promise<void>;
};

const maxRecordedBytes = 4 * 1024 * 1024;

/** @param onLogoutToken called with each logout token that the provider sends to the gateway */
export async function startRecordingProxy(
  gatewayPort: number,
  onLogoutToken?: (token: string) => void,
): Promise<RecordingProxy> {
  const exchanges: Exchange[] = [];
  // Above the gateway's limit, so that the gateway is what rejects a request.
  const server = createServer({ maxHeaderSize: 128 * 1024 }, (req, res) => {
    if (onLogoutToken !== undefined && req.url === "/bff/backchannel-logout") readLogoutToken(req, onLogoutToken);
    forward({ req, res, gatewayPort, exchanges });
  });
  // closeAllConnections() does not include upgraded connections.
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
    forward({ req, res, gatewayPort, exchanges, socket });
  });
  // Longer than the timeout in the gateway's Keep-Alive header, which the proxy forwards: a shorter one would close a
  // connection that the browser may still use.
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

type Forwarding = {
  req: IncomingMessage;
  res: ServerResponse;
  gatewayPort: number;
  exchanges: Exchange[];
  /** Set for a WebSocket handshake. */
  socket?: Socket;
};

function forward({ req, res, gatewayPort, exchanges, socket }: Forwarding): void {
  const { method = "GET", url = "/" } = req;
  const requestBody = collect(req, undefined);
  // One connection per request: the gateway could close a pooled one while the next request is sent.
  const options = { host: "127.0.0.1", port: gatewayPort, method, path: url, headers: req.rawHeaders, agent: false };
  const begin = (response: IncomingMessage, body: Readable): void => {
    const status = response.statusCode ?? 502;
    const headers = pairs(response.rawHeaders);
    const encoding = response.headers["content-encoding"];
    exchanges.push({
      method,
      url,
      requestHeaders: headersToSearch(req),
      requestBody,
      status,
      headers,
      body: collect(body, encoding),
    });
    res.sendDate = false;
    res.writeHead(status, response.statusMessage, response.rawHeaders);
  };
  const upstream = request(options, (response) => {
    begin(response, response);
    response.pipe(res);
    response.on("error", () => res.destroy());
  });
  // Without a gateway the browser gets a closed connection and no response.
  upstream.on("error", () => res.destroy());
  res.on("close", () => upstream.destroy());
  if (socket === undefined) {
    req.pipe(upstream);
    return;
  }
  upstream.once("upgrade", (response, inner, head) => {
    inner.on("error", () => inner.destroy());
    inner.unshift(head);
    begin(response, inner);
    res.flushHeaders();
    socket.pipe(inner).pipe(socket);
    socket.once("close", () => inner.destroy());
    inner.once("close", () => socket.end());
  });
  upstream.end();
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
    if (bytes <= maxRecordedBytes) chunks.push(chunk);
  });
  return () => decode(Buffer.concat(chunks), encoding);
}

/** Decompresses a body that may be incomplete. */
function decode(body: Buffer, encoding: string | undefined): string {
  if (body.length === 0 || encoding === undefined) return body.toString("utf8");
  if (encoding === "br")
    return brotliDecompressSync(body, { finishFlush: constants.BROTLI_OPERATION_FLUSH }).toString("utf8");
  if (encoding === "gzip") return gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8");
  throw new Error(`content-encoding ${encoding} is not supported: its body could not be searched.`);
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
