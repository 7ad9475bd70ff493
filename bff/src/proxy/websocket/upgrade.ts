// WebSocket proxy: forwards the handshake, verifies the upstream's 101, and ties the open connection to its session.
import { hash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { UpstreamConfig } from "../../config/config.ts";
import { ERRORS, GatewayError, type ErrorCode } from "../../errors.ts";
import type { Handshake } from "../../http/websocket-handshake.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import type { RequestState } from "../../http/request-state.ts";
import { END_REASON_TO_ERROR_CODE } from "../../session/end-reasons.ts";
import type { LiveConnections } from "../../session/live/live-connections.ts";
import type { EndReason, SessionKey } from "../../store/store.ts";
import type { Authorize } from "../authorize.ts";
import type { ClientToken } from "../authorized.ts";
import { exchange } from "../exchange.ts";
import type { Exchange } from "../exchange-request.ts";
import { isRejection, type WatchToken } from "../token-watch.ts";
import type { Tunnels } from "./tunnels.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

export type WebSocketDependencies = {
  authorize: Authorize;
  live: Pick<LiveConnections, "add">;
  tunnels: Tunnels;
  metrics: Pick<Metrics, "webSocketOpened" | "webSocketClosed">;
  /** Minimum interval between two authorizations of an open connection. */
  useEveryMs: number;
  watchToken: WatchToken;
};

/** `headers` contains those of an ordinary request; the handshake's headers are added here. */
export type WebSocketRequest = Omit<Exchange, "server" | "body" | "onUpgrade"> & {
  handshake: Handshake;
  state: RequestState;
  /** Undefined if the upstream needs no session. */
  sessionKey: SessionKey | undefined;
  /** The client's own access token. */
  client?: ClientToken | undefined;
};

type Accepted = { head: IncomingHttpHeaders; socket: Duplex };

/** Base of private close codes (RFC 6455 §7.4.2): 4000 + HTTP status, e.g. 4401 for an ended session. */
const CLOSE_CODE_BASE = 4000;

/** @throws GatewayError too_many_connections | upstream_* | session_* */
export function webSocketForwarding(dependencies: WebSocketDependencies) {
  const { authorize, live, tunnels, metrics, useEveryMs, watchToken } = dependencies;
  /** Authorizes the connection again when the browser sends data. */
  const createUse = (request: IncomingMessage, upstream: UpstreamConfig, close: (code: ErrorCode) => void) => {
    let usedAtMs = performance.now();
    return function use(): void {
      const nowMs = performance.now();
      if (nowMs - usedAtMs < useEveryMs) return;
      usedAtMs = nowMs;
      new Promise((resolve) => resolve(authorize(request, upstream))).catch((error: unknown) => {
        // I5: an outage closes no connection.
        if (isRejection(error)) close(error.code);
      });
    };
  };

  return async function forwardWebSocket(forwarded: WebSocketRequest): Promise<void> {
    const { request, response, upstream, sessionKey, client, state, handshake } = forwarded;
    const opened: { tunnel?: Tunnel; endReason?: EndReason } = {};
    const release = tunnels.acquire(upstream.config, sessionKey ?? client?.holder);
    const close = (code: ErrorCode): void =>
      opened.tunnel?.close("session", CLOSE_CODE_BASE + ERRORS[code].status, code);
    // Subscribed before the handshake is forwarded, so that an end in the meantime is not missed.
    const unsubscribe =
      sessionKey === undefined
        ? undefined
        : live.add(sessionKey, (reason) => {
            opened.endReason = reason;
            close(END_REASON_TO_ERROR_CODE[reason]);
          });
    response.once("close", () => {
      release();
      unsubscribe?.();
    });
    const accepted = await sendHandshake(forwarded);
    if (accepted === undefined) return;
    if (response.destroyed) {
      accepted.socket.destroy();
      return;
    }
    try {
      if (opened.endReason !== undefined)
        throw new GatewayError(END_REASON_TO_ERROR_CODE[opened.endReason], { reason: opened.endReason });
      if (accepted.socket.destroyed) throw notAWebSocket("the upstream closed the connection after its 101");
      const head = acceptedHead(request, accepted.head);
      response.writeHead(101, [...head, "X-Request-Id", state.requestId]).end();
    } catch (error) {
      accepted.socket.destroy();
      throw error;
    }
    const onUse = client === undefined ? createUse(request, upstream.config, close) : () => undefined;
    const browser = handshake.takeSocket();
    const tunnel = openTunnel({ browser, upstream: accepted.socket, limits: upstream.config, onUse });
    opened.tunnel = tunnel;
    // The end of a session is pushed; the token of a client expires without a message.
    const stopWatch =
      client &&
      watchToken({ request, upstream: upstream.config, validUntilMs: client.validUntilMs }, ({ code }) => close(code));
    tunnels.add(tunnel);
    state.webSocket = tunnel.use;
    metrics.webSocketOpened();
    metrics.webSocketClosed(await tunnel.ended);
    stopWatch?.();
  };
}

/** @returns undefined if the upstream rejected the handshake: its response has been forwarded. @throws GatewayError upstream_* */
async function sendHandshake(forwarded: WebSocketRequest): Promise<Accepted | undefined> {
  const result: { accepted?: Accepted } = {};
  const { request, response, upstream, renewed } = forwarded;
  const withHandshake = (headers: readonly string[]) => [...headers, ...handshakeHeaders(request)];
  const server = upstream.balancer.acquire(true) ?? (await upstream.balancer.acquireWhenFree(response));
  if (server === undefined) return undefined;
  await exchange({
    ...{ ...forwarded, server, body: undefined },
    headers: withHandshake(forwarded.headers),
    renewed:
      renewed &&
      (async () => {
        const again = await renewed();
        return again && { ...again, headers: withHandshake(again.headers) };
      }),
    onUpgrade(head, socket) {
      socket.on("error", () => socket.destroy());
      result.accepted = { head, socket };
    },
  });
  return result.accepted;
}

/** Negotiated between browser and upstream: the tunnel forwards frames unchanged, compressed or not. */
const NEGOTIATED = ["sec-websocket-protocol", "sec-websocket-extensions"] as const;

function handshakeHeaders({ headers }: IncomingMessage): string[] {
  const list = ["sec-websocket-version", "13", "sec-websocket-key", headers["sec-websocket-key"] ?? ""];
  for (const name of NEGOTIATED) {
    const offered = headers[name];
    if (offered !== undefined) list.push(name, offered);
  }
  return list;
}

/** The head of the 101 for the browser, with the handshake headers only. @throws GatewayError upstream_unreachable */
function acceptedHead({ headers }: IncomingMessage, head: IncomingHttpHeaders): string[] {
  // RFC 6455 §4.2.2. Without this check a service that echoes a status could open a tunnel past the guards (request smuggling).
  const accept = hash("sha1", `${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, "base64");
  if (head["sec-websocket-accept"] !== accept) throw notAWebSocket("the upstream's 101 is not for this handshake");
  const list = ["Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Accept", accept];
  for (const name of NEGOTIATED) {
    // Several extension headers are one list (RFC 6455 §9.1).
    const chosen = [head[name] ?? []].flat().join(", ");
    if (chosen === "") continue;
    const offered = namesIn(headers[name] ?? "");
    if (!namesIn(chosen).every((each) => offered.includes(each)))
      throw notAWebSocket(`the upstream chose a ${name} that was not offered`);
    list.push(name, chosen);
  }
  return list;
}

function notAWebSocket(reason: string): GatewayError {
  return new GatewayError("upstream_unreachable", { reason });
}

/** The names in a comma-separated list, without their parameters. */
function namesIn(list: string): string[] {
  return list.split(",").map((each) => each.split(";", 1)[0]?.trim() ?? "");
}
