// An open WebSocket: bytes cross both ways as they are, with back-pressure, until one side leaves or we end it.
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { UpstreamConfig } from "../config.ts";
import type { WebSocketEnd } from "../http/metrics.ts";
import type { WebSocketUse } from "../http/request-state.ts";
import { CLOSE, closeFrame, createFrameReader, type FrameReader } from "./frames.ts";

export type Tunnel = {
  /** Counts on until it has ended. */
  use: Readonly<WebSocketUse>;
  /** Tells the browser why, in a Close frame, and closes both sides. */
  close(end: WebSocketEnd, code: number, reason: string): void;
  ended: Promise<WebSocketEnd>;
};

type TunnelParts = {
  browser: Socket;
  /** With a listener for its errors. */
  upstream: Duplex;
  limits: Pick<UpstreamConfig, "webSocketIdleTimeoutMs" | "webSocketMaxLifetimeMs">;
  /** The browser sent a message or a part of one: not merely a pong, which it sends by itself. */
  onUse: () => void;
};

/** RFC 6455 §7.4.1: an end-point goes away. */
export const GOING_AWAY = 1001;
/** How long what was written last may take to arrive once one side has left, and the other side to leave too. */
const LINGER_MS = 5_000;
/** The same where we close. */
const OWN_LINGER_MS = 1_000;
/** How long a frame that is under way may take to its end when we close: no other can be put into it. */
const FRAME_END_MS = 500;
/** Finds browsers that vanished (sleep, lost network) although nothing is sent. */
const KEEP_ALIVE_MS = 30_000;

export function openTunnel({ browser, upstream, limits, onUse }: TunnelParts): Tunnel {
  const use: WebSocketUse = { receivedBytes: 0, sentBytes: 0, endedBy: undefined };
  const { promise: ended, resolve: settle } = Promise.withResolvers<WebSocketEnd>();
  let lastFrame: Buffer | undefined;
  let hasUpstreamClosed = false;
  let lingering: NodeJS.Timeout | undefined;

  const up = createFrameReader((opcode) => {
    if (opcode === CLOSE) use.endedBy ??= "browser";
    else if (opcode < CLOSE) onUse();
  });
  const down = createFrameReader((opcode) => {
    if (opcode !== CLOSE) return;
    use.endedBy ??= "upstream";
    hasUpstreamClosed = true;
  });

  const linger = (ms: number): void => {
    clearTimeout(idle);
    clearTimeout(lifetime);
    lingering ??= setTimeout(() => {
      browser.destroy();
      upstream.destroy();
    }, ms);
  };
  const left = (side: "browser" | "upstream"): void => {
    use.endedBy ??= side;
    linger(LINGER_MS);
    (side === "browser" ? upstream : browser).end();
  };
  const sayGoodbye = (): void => {
    clearTimeout(cutting);
    upstream.off("data", passDown).resume();
    if (lastFrame !== undefined && down.isAtBoundary() && !hasUpstreamClosed) browser.write(lastFrame);
    browser.end();
    upstream.end();
    linger(OWN_LINGER_MS);
  };
  let cutting: NodeJS.Timeout | undefined;
  const close: Tunnel["close"] = (end, code, reason) => {
    if (lastFrame !== undefined) return;
    use.endedBy ??= end;
    lastFrame = closeFrame(code, reason);
    // What the browser still sends is read, because it must get to our last frame, and goes nowhere.
    browser.off("data", passUp).resume();
    if (down.isAtBoundary()) sayGoodbye();
    else cutting = setTimeout(sayGoodbye, FRAME_END_MS);
  };
  const lifetime = setTimeout(() => close("lifetime", GOING_AWAY, "open for too long"), limits.webSocketMaxLifetimeMs);
  const idleMs = limits.webSocketIdleTimeoutMs;
  const idle = idleMs > 0 ? setTimeout(() => close("idle", GOING_AWAY, "silent for too long"), idleMs) : undefined;

  function passUp(chunk: Buffer): void {
    if (!upstream.writable) return;
    if (lingering === undefined) idle?.refresh();
    use.receivedBytes += chunk.length;
    readFrames(up, chunk);
    if (!upstream.write(chunk)) browser.pause();
  }
  function passDown(chunk: Buffer): void {
    if (!browser.writable) return;
    if (lingering === undefined) idle?.refresh();
    const endsAt = lastFrame === undefined ? readFrames(down, chunk) : down.readFrame(chunk, 0);
    use.sentBytes += endsAt;
    if (!browser.write(endsAt === chunk.length ? chunk : chunk.subarray(0, endsAt))) upstream.pause();
    if (lastFrame !== undefined && down.isAtBoundary()) sayGoodbye();
  }

  browser.setKeepAlive(true, KEEP_ALIVE_MS);
  browser.on("drain", () => upstream.resume());
  upstream.on("drain", () => browser.resume());
  browser.once("end", () => left("browser"));
  upstream.once("end", () => left("upstream"));
  browser.once("close", () => {
    left("browser");
    clearTimeout(cutting);
    if (upstream.closed) clearTimeout(lingering);
    upstream.resume();
    settle(use.endedBy ?? "browser");
  });
  upstream.once("close", () => {
    left("upstream");
    if (browser.closed) clearTimeout(lingering);
    browser.resume();
  });
  browser.on("data", passUp);
  upstream.on("data", passDown);
  return { use, close, ended };
}

/** @returns the chunk's length */
function readFrames(reader: FrameReader, chunk: Buffer): number {
  let at = 0;
  while (at < chunk.length) at = reader.readFrame(chunk, at);
  return at;
}
