// Test gateway: request validation, CSRF and forwarding on real sockets, with a stub for authorization.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { BlockList, connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import Koa, { type Middleware } from "koa";
import { afterEach } from "vitest";
import type { Config, UpstreamConfig } from "../../src/config/config.ts";
import { csrf } from "../../src/http/csrf.ts";
import { readErrorPages } from "../../src/config/pages/error-pages.ts";
import { createPages } from "../../src/http/pages.ts";
import { errorResponse, reportLateError } from "../../src/http/error-response.ts";
import { createRouteTable } from "../../src/http/route-table.ts";
import { requestValidation } from "../../src/http/request-validation.ts";
import { createMetrics, type GatewayMetrics } from "../../src/metrics/metrics.ts";
import { pipeliningGuard } from "../../src/http/pipelining-guard.ts";
import { requestLog } from "../../src/http/request-log.ts";
import { securityHeaders } from "../../src/http/security-headers.ts";
import { SERVER_OPTIONS } from "../../src/http/server-options.ts";
import { attachServerEvents } from "../../src/http/server-events.ts";
import { spaFiles } from "../../src/http/spa-files.ts";
import { createLog } from "../../src/logging/log.ts";
import { createDpopProofs } from "../../src/provider/dpop-proof.ts";
import { forward, type ForwardingDependencies } from "../../src/proxy/forward.ts";
import { createOpenResponses } from "../../src/proxy/open-responses.ts";
import { createTokenWatch } from "../../src/proxy/token-watch.ts";
import { createTunnels, type Tunnels } from "../../src/proxy/websocket/tunnels.ts";
import { webSocketForwarding, type WebSocketDependencies } from "../../src/proxy/websocket/upgrade.ts";
import { closeUpstreams, createUpstreams, snapshotUpstream, type Upstream } from "../../src/upstream/upstreams.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import { pagePolicyConfig } from "../support/page-policy.ts";
import { VARIABLES } from "../../src/config/setting-words.ts";

export const BEARER = "canary-access-token";

export type TestGateway = {
  port: number;
  host: string;
  server: Server;
  metrics: GatewayMetrics;
  upstreams: readonly Upstream[];
  tunnels: Tunnels;
  lines: Record<string, unknown>[];
  events: (name: string) => Record<string, unknown>[];
  stop: () => Promise<void>;
};

export type GatewayOptions = {
  /** `prefix=url`, as in UPSTREAMS. */
  upstreams?: string;
  override?: Partial<UpstreamConfig>;
  /** `:0` is replaced by the actual port. */
  publicOrigin?: string;
  authorize?: ForwardingDependencies["authorize"];
  live?: WebSocketDependencies["live"];
  useEveryMs?: number;
  trustedProxies?: BlockList;
  spaRoot?: string;
  routes?: Middleware;
};

export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const server = createServer(SERVER_OPTIONS);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const publicOrigin = options.publicOrigin ?? `http://127.0.0.1:${port}`;
  const { upstreams: rows, faults } = parseUpstreams(options.upstreams, undefined);
  if (faults.length > 0) throw new Error(faults.join(" "));
  const lines: Record<string, unknown>[] = [];
  const log = createLog("debug", {
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
    words: VARIABLES,
  });
  const gatewayMetrics = createMetrics();
  const metrics = gatewayMetrics.of("shop");
  const configs = rows.map((row) => ({ ...row, ...options.override }));
  const upstreams = createUpstreams(configs, log);
  const routes = createRouteTable(configs);
  metrics.registerUpstreams(() => upstreams.map(snapshotUpstream));
  const config = {
    ...pagePolicyConfig({}, { publicOrigin }),
    trustedProxies: options.trustedProxies ?? new BlockList(),
    provider: { issuer: "https://provider.test/realms/demo" },
  } as Config;

  const app = new Koa();
  app.on("error", reportLateError({ log }));
  const pages = createPages({ errorPages: readErrorPages(undefined).errorPages, log });
  app.use(errorResponse({ log, transportSecurity: config.transportSecurity, routes, pages }));
  app.use(requestLog({ config, log, metrics }));
  app.use(securityHeaders(config));
  app.use(requestValidation({ publicOrigin, routes }));
  app.use(csrf({ publicOrigin, metrics }));
  const authorize = options.authorize ?? (async () => ({ accessToken: BEARER }));
  const tunnels = createTunnels();
  const live = options.live ?? { add: () => () => {} };
  const { useEveryMs = 0 } = options;
  const watchToken = createTokenWatch({ authorize, checkEveryMs: useEveryMs });
  const forwardWebSocket = webSocketForwarding({ authorize, live, tunnels, metrics, useEveryMs, watchToken });
  const openResponses = createOpenResponses({ live, watchToken });
  const dpopProofs = createDpopProofs();
  app.use(forward({ config, upstreams, authorize, dpopProofs, openResponses, forwardWebSocket, log }));
  if (options.routes !== undefined) app.use(options.routes);
  app.use(spaFiles({ root: options.spaRoot }));
  const handle = pipeliningGuard(app.callback(), log);
  attachServerEvents(server, { config, log, handle });
  return {
    port,
    host: new URL(publicOrigin).host,
    server,
    metrics: gatewayMetrics,
    upstreams,
    tunnels,
    lines,
    events: (name) => lines.filter((line) => line["event"] === name),
    async stop() {
      openResponses.close();
      await tunnels.closeAll();
      server.closeAllConnections();
      server.close();
      await closeUpstreams(upstreams);
    },
  };
}

export type Arrived = {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  rawHeaders: string[];
  body: string;
};
export type TestUpstream = { port: number; origin: string; arrived: Arrived[]; server: Server; stop: () => void };

/** Records requests, then responds with 200 or by the given handler. */
export async function startUpstream(
  handle: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    void response.end("ok"),
  record = true,
): Promise<TestUpstream> {
  const arrived: Arrived[] = [];
  const server = createServer((request, response) => {
    if (!record) {
      handle(request, response);
      return;
    }
    const { method = "", url = "", headers, rawHeaders } = request;
    let body = "";
    request.setEncoding("latin1").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      arrived.push({ method, url, headers, rawHeaders, body });
      handle(request, response);
    });
  });
  server.keepAliveTimeout = 30_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    arrived,
    server,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** An upstream that writes raw bytes. */
export async function startRawUpstream(
  onRequest: (socket: Socket, head: string, count: number) => void,
): Promise<{ origin: string; connections: () => number; stop: () => void }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let count = 0;
  const server = createTcpServer((socket) => {
    connections++;
    sockets.add(socket);
    let head = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      const complete = head;
      head = "";
      onRequest(socket, complete, ++count);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export type RawResponse = {
  raw: string;
  status: number;
  headers: Map<string, string[]>;
  body: string;
  closed: boolean;
};

export function parseResponse(raw: string, closed = true): RawResponse {
  const [head = "", ...rest] = raw.split("\r\n\r\n");
  const [statusLine = "", ...fields] = head.split("\r\n");
  const headers = new Map<string, string[]>();
  for (const field of fields) {
    const at = field.indexOf(":");
    const name = field.slice(0, at).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), field.slice(at + 1).trim()]);
  }
  return { raw, status: Number(statusLine.split(" ")[1] ?? 0), headers, body: rest.join("\r\n\r\n"), closed };
}

/** Sends bytes and reads until the gateway closes the connection or a response with a length is complete. */
export function sendRaw(port: number, bytes: string): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(bytes, "latin1")));
    let raw = "";
    socket.setEncoding("latin1");
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no complete response to ${JSON.stringify(bytes.slice(0, 120))}: ${raw}`));
    }, 5_000);
    const done = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parseResponse(raw, closed));
    };
    socket.on("data", (chunk: string) => {
      raw += chunk;
      const headEnd = raw.indexOf("\r\n\r\n");
      if (headEnd === -1 || raw.startsWith("HTTP/1.1 1")) return;
      const { headers, status } = parseResponse(raw);
      const length = headers.get("content-length")?.[0];
      const isHead = /^HEAD /.test(bytes) || status === 204 || status === 304;
      if (isHead || (length !== undefined && raw.length - headEnd - 4 >= Number(length))) done(false);
      else if (raw.endsWith("\r\n0\r\n\r\n")) done(false);
    });
    socket.on("close", () => done(true));
    socket.on("error", () => done(true));
  });
}

/** A request as the SPA sends it. */
export function appRequest(gateway: { host: string }, line: string, extra: string[] = [], body = ""): string {
  const fields = [`Host: ${gateway.host}`, "X-CSRF: 1", "Sec-Fetch-Site: same-origin", ...extra];
  return `${line} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`;
}

const cleanups: (() => unknown)[] = [];

/** Stops it when the test has ended. */
export function kept<T extends { stop: () => unknown }>(part: T): T {
  cleanups.push(() => part.stop());
  return part;
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export const OWN = { "x-csrf": "1", "sec-fetch-site": "same-origin" };

/** A fetch as our own app makes it. */
export async function fetchApi(gateway: TestGateway, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    redirect: "manual",
    ...init,
    headers: { ...OWN, ...(init.headers as Record<string, string>) },
  });
}
