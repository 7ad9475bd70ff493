// WebSocket tunnel: forwards bytes in both directions, with backpressure, until one side or the gateway closes it.
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { UpstreamConfig } from "../../config/config.ts";
import type { WebSocketEnd } from "../../metrics/metrics.ts";
import type { WebSocketUse } from "../../http/request-state.ts";
import { CLOSE, closeFrame, createFrameReader, type FrameReader } from "./frames.ts";

export type Tunnel = {
  /** Updated until the tunnel has ended. */
  use: Readonly<WebSocketUse>;
  /** Sends the browser a Close frame with this code and reason, then closes both sides. */
  close(end: WebSocketEnd, code: number, reason: string): void;
  ended: Promise<WebSocketEnd>;
};

type TunnelOptions = {
  browser: Socket;
  /** Must have an error listener. */
  upstream: Duplex;
  limits: Pick<UpstreamConfig, "webSocketIdleTimeoutMs" | "webSocketMaxLifetimeMs">;
  /** Called for each data frame of the browser; not for control frames, since browsers send pongs by themselves. */
  onUse: () => void;
};

/** Close code 1001 (RFC 6455 §7.4.1): the endpoint is going away. */
export const GOING_AWAY = 1001;
/** Close timeout after one side has ended: pending data is flushed, then both sides are destroyed. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Close timeout after the gateway has sent its Close frame. */
const OWN_CLOSE_TIMEOUT_MS = 1_000;
/** How long the gateway waits for the end of a partly forwarded frame before it closes without a Close frame. */
const FRAME_TIMEOUT_MS = 500;
/** TCP keep-alive: detects browsers that disappeared (sleep, lost network). */
const KEEP_ALIVE_MS = 30_000;

export function openTunnel({ browser, upstream, limits, onUse }: TunnelOptions): Tunnel {
  const use: WebSocketUse = { receivedBytes: 0, sentBytes: 0, endedBy: undefined };
  const closing = createClosing(browser, upstream);
  let hasUpstreamClosed = false;
  let pendingClose: Buffer | undefined;
  let frameTimer: NodeJS.Timeout | undefined;

  const up = createFrameReader((opcode) => {
    if (opcode === CLOSE) use.endedBy ??= "browser";
    else if (opcode < CLOSE) onUse();
  });
  const down = createFrameReader((opcode) => {
    if (opcode !== CLOSE) return;
    use.endedBy ??= "upstream";
    hasUpstreamClosed = true;
  });

  const forwardUp = (chunk: Buffer): void => {
    if (!upstream.writable) return;
    idle?.refresh();
    use.receivedBytes += chunk.length;
    readFrames(up, chunk);
    if (!upstream.write(chunk)) browser.pause();
  };
  const forwardDown = (chunk: Buffer): void => {
    if (!browser.writable) return;
    idle?.refresh();
    const endsAt = pendingClose === undefined ? readFrames(down, chunk) : down.readFrame(chunk, 0);
    use.sentBytes += endsAt;
    if (!browser.write(endsAt === chunk.length ? chunk : chunk.subarray(0, endsAt))) upstream.pause();
    if (pendingClose !== undefined && down.isAtBoundary()) sendCloseFrame();
  };
  const sendCloseFrame = (): void => {
    clearTimeout(frameTimer);
    upstream.off("data", forwardDown).resume();
    if (pendingClose !== undefined && down.isAtBoundary() && !hasUpstreamClosed) browser.write(pendingClose);
    closing.begin(OWN_CLOSE_TIMEOUT_MS);
  };
  const close: Tunnel["close"] = (end, code, reason) => {
    if (pendingClose !== undefined) return;
    use.endedBy ??= end;
    pendingClose = closeFrame(code, reason);
    // The browser's data is read and discarded, so that it can send its own Close frame.
    browser.off("data", forwardUp).resume();
    if (down.isAtBoundary()) sendCloseFrame();
    else frameTimer = setTimeout(sendCloseFrame, FRAME_TIMEOUT_MS);
  };
  const { idle, stop } = startLimits(limits, close);
  const { promise: ended, resolve: settle } = Promise.withResolvers<WebSocketEnd>();
  const onSideClosed = (side: "browser" | "upstream") => (): void => {
    use.endedBy ??= side;
    stop();
    closing.begin(CLOSE_TIMEOUT_MS, side === "browser" ? upstream : browser);
  };

  browser.setKeepAlive(true, KEEP_ALIVE_MS);
  browser.on("data", forwardUp).on("drain", () => upstream.resume());
  upstream.on("data", forwardDown).on("drain", () => browser.resume());
  browser.once("end", onSideClosed("browser")).once("close", onSideClosed("browser"));
  upstream.once("end", onSideClosed("upstream")).once("close", onSideClosed("upstream"));
  browser.once("close", () => {
    clearTimeout(frameTimer);
    settle(use.endedBy ?? "browser");
  });
  return { use, close, ended };
}

/** @returns the chunk's length */
function readFrames(reader: FrameReader, chunk: Buffer): number {
  let at = 0;
  while (at < chunk.length) at = reader.readFrame(chunk, at);
  return at;
}

function startLimits(limits: TunnelOptions["limits"], close: Tunnel["close"]) {
  const { webSocketIdleTimeoutMs: idleMs, webSocketMaxLifetimeMs: lifetimeMs } = limits;
  const idle = idleMs > 0 ? setTimeout(() => close("idle", GOING_AWAY, "silent for too long"), idleMs) : undefined;
  const lifetime = setTimeout(() => close("lifetime", GOING_AWAY, "open for too long"), lifetimeMs);
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
    clearTimeout(idle);
    clearTimeout(lifetime);
  };
  // refresh() would restart a cleared timer.
  return { stop, idle: idle && { refresh: () => void (isStopped || idle.refresh()) } };
}

/** Close timeout of both sides: pending data is flushed, then both are destroyed, so that neither keeps the other open. */
function createClosing(browser: Socket, upstream: Duplex) {
  let timer: NodeJS.Timeout | undefined;
  const onClosed = (): void => {
    // No drain event follows after a close, so a paused side would stay paused.
    browser.resume();
    upstream.resume();
    if (browser.closed && upstream.closed) clearTimeout(timer);
  };
  browser.once("close", onClosed);
  upstream.once("close", onClosed);
  return {
    /** @param side the side to end; absent: both */
    begin(timeoutMs: number, side?: Duplex): void {
      for (const each of side === undefined ? [browser, upstream] : [side]) each.end();
      timer ??= setTimeout(() => {
        browser.destroy();
        upstream.destroy();
      }, timeoutMs);
    },
  };
}
