// WebSockets: the upstream's answer to a handshake, and what an open connection may do for as long as its session lives.
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
import { exchange, type Exchange } from "../exchange.ts";
import type { Tunnels } from "./tunnels.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

export type WebSocketParts = {
  authorize: Authorize;
  live: Pick<LiveConnections, "add">;
  tunnels: Tunnels;
  metrics: Pick<Metrics, "webSocketOpened" | "webSocketClosed">;
  /** An open connection asks again at most so often whether it may still be used. */
  useEveryMs: number;
};

/** `headers` as for any other request: without those of the handshake. */
export type WebSocketRequest = Omit<Exchange, "address" | "body" | "onUpgrade"> & {
  handshake: Handshake;
  state: RequestState;
  /** Whose it is; undefined where no session was needed. */
  sessionKey: SessionKey | undefined;
};

type Agreed = { head: IncomingHttpHeaders; socket: Duplex };

/** From the private range, as HTTP's 401 and 403: a page that reads 4401 asks its user to log in again. */
const CLOSE_CODE = 4000;

/** @throws GatewayError too_many_connections | upstream_* | session_* */
export function webSocketForwarding({ authorize, live, tunnels, metrics, useEveryMs }: WebSocketParts) {
  /** What the browser sends is a use of its session, as any other request: it slides, refreshes, and may be refused. */
  const createUse = (request: IncomingMessage, upstream: UpstreamConfig, close: (code: ErrorCode) => void) => {
    let usedAtMs = performance.now();
    return function use(): void {
      const nowMs = performance.now();
      if (nowMs - usedAtMs < useEveryMs) return;
      usedAtMs = nowMs;
      new Promise((resolve) => resolve(authorize(request, upstream))).catch((error: unknown) => {
        // I5: what is merely unavailable ends nothing.
        if (error instanceof GatewayError && error.status < 500) close(error.code);
      });
    };
  };

  return async function forwardWebSocket(asked: WebSocketRequest): Promise<void> {
    const { request, response, upstream, sessionKey, state, handshake } = asked;
    const so: { tunnel?: Tunnel; endReason?: EndReason } = {};
    const giveBack = tunnels.takePlace(upstream.config, sessionKey);
    const close = (code: ErrorCode): void => so.tunnel?.close("session", CLOSE_CODE + ERRORS[code].status, code);
    // From before the upstream is asked: an end in the meantime must not be missed.
    const forget =
      sessionKey === undefined
        ? undefined
        : live.add(sessionKey, (reason) => {
            so.endReason = reason;
            close(END_REASON_TO_ERROR_CODE[reason]);
          });
    response.once("close", () => {
      giveBack();
      forget?.();
    });
    const agreed = await shakeHands(asked);
    if (agreed === undefined) return;
    if (response.destroyed) {
      agreed.socket.destroy();
      return;
    }
    try {
      if (so.endReason !== undefined)
        throw new GatewayError(END_REASON_TO_ERROR_CODE[so.endReason], { reason: so.endReason });
      if (agreed.socket.destroyed) throw notAWebSocket("the upstream left at once");
      const head = acceptedHead(request, agreed.head);
      response.writeHead(101, [...head, "X-Request-Id", state.requestId]).end();
    } catch (error) {
      agreed.socket.destroy();
      throw error;
    }
    const onUse = createUse(request, upstream.config, close);
    const browser = handshake.takeSocket();
    const tunnel = openTunnel({ browser, upstream: agreed.socket, limits: upstream.config, onUse });
    so.tunnel = tunnel;
    tunnels.add(tunnel);
    state.webSocket = tunnel.use;
    metrics.webSocketOpened();
    metrics.webSocketClosed(await tunnel.ended);
  };
}

/** @returns undefined where the upstream refuses: the browser is answered then, or has left. @throws GatewayError upstream_* */
async function shakeHands(asked: WebSocketRequest): Promise<Agreed | undefined> {
  const found: { agreed?: Agreed } = {};
  const { request, response, upstream } = asked;
  const address = upstream.balancer.take(true) ?? (await upstream.balancer.wait(response));
  if (address === undefined) return undefined;
  await exchange({
    ...{ ...asked, address, body: undefined },
    headers: [...asked.headers, ...offer(request)],
    onUpgrade(head, socket) {
      socket.on("error", () => socket.destroy());
      found.agreed = { head, socket };
    },
  });
  return found.agreed;
}

/** Subprotocols and extensions are between browser and upstream: frames pass as they are, compressed or not. */
const NEGOTIATED = ["sec-websocket-protocol", "sec-websocket-extensions"] as const;

function offer({ headers }: IncomingMessage): string[] {
  const list = ["sec-websocket-version", "13", "sec-websocket-key", headers["sec-websocket-key"] ?? ""];
  for (const name of NEGOTIATED) {
    const offered = headers[name];
    if (offered !== undefined) list.push(name, offered);
  }
  return list;
}

/** Of the upstream's 101 nothing passes but what makes it one. @throws GatewayError upstream_unreachable */
function acceptedHead({ headers }: IncomingMessage, head: IncomingHttpHeaders): string[] {
  // RFC 6455 §4.2.2. Else any service that echoes a status could open a way past the guards (request smuggling).
  const accept = hash("sha1", `${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, "base64");
  if (head["sec-websocket-accept"] !== accept) throw notAWebSocket("the upstream's 101 is not for this handshake");
  const list = ["Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Accept", accept];
  for (const name of NEGOTIATED) {
    // Extensions may come in several headers (RFC 6455 §9.1).
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

/** The names of a list, without parameters. */
function namesIn(list: string): string[] {
  return list.split(",").map((each) => each.split(";", 1)[0]?.trim() ?? "");
}
