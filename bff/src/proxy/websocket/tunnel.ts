// An open WebSocket: bytes cross both ways as they are, with back-pressure, until one side leaves or we end it.
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { UpstreamConfig } from "../../config/config.ts";
import type { WebSocketEnd } from "../../metrics/metrics.ts";
import type { WebSocketUse } from "../../http/request-state.ts";
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
  const farewell = createFarewell(browser, upstream);
  let hasUpstreamClosed = false;
  let lastFrame: Buffer | undefined;
  let cutting: NodeJS.Timeout | undefined;

  const up = createFrameReader((opcode) => {
    if (opcode === CLOSE) use.endedBy ??= "browser";
    else if (opcode < CLOSE) onUse();
  });
  const down = createFrameReader((opcode) => {
    if (opcode !== CLOSE) return;
    use.endedBy ??= "upstream";
    hasUpstreamClosed = true;
  });

  const passUp = (chunk: Buffer): void => {
    if (!upstream.writable) return;
    idle?.refresh();
    use.receivedBytes += chunk.length;
    readFrames(up, chunk);
    if (!upstream.write(chunk)) browser.pause();
  };
  const passDown = (chunk: Buffer): void => {
    if (!browser.writable) return;
    idle?.refresh();
    const endsAt = lastFrame === undefined ? readFrames(down, chunk) : down.readFrame(chunk, 0);
    use.sentBytes += endsAt;
    if (!browser.write(endsAt === chunk.length ? chunk : chunk.subarray(0, endsAt))) upstream.pause();
    if (lastFrame !== undefined && down.isAtBoundary()) sayGoodbye();
  };
  const sayGoodbye = (): void => {
    clearTimeout(cutting);
    upstream.off("data", passDown).resume();
    if (lastFrame !== undefined && down.isAtBoundary() && !hasUpstreamClosed) browser.write(lastFrame);
    farewell.begin(OWN_LINGER_MS);
  };
  const close: Tunnel["close"] = (end, code, reason) => {
    if (lastFrame !== undefined) return;
    use.endedBy ??= end;
    lastFrame = closeFrame(code, reason);
    // What the browser still sends is read, because it must get to our last frame, and goes nowhere.
    browser.off("data", passUp).resume();
    if (down.isAtBoundary()) sayGoodbye();
    else cutting = setTimeout(sayGoodbye, FRAME_END_MS);
  };
  const { idle, stop } = startLimits(limits, close);
  const { promise: ended, resolve: settle } = Promise.withResolvers<WebSocketEnd>();
  const leave = (side: "browser" | "upstream") => (): void => {
    use.endedBy ??= side;
    stop();
    farewell.begin(LINGER_MS, side === "browser" ? upstream : browser);
  };

  browser.setKeepAlive(true, KEEP_ALIVE_MS);
  browser.on("data", passUp).on("drain", () => upstream.resume());
  upstream.on("data", passDown).on("drain", () => browser.resume());
  browser.once("end", leave("browser")).once("close", leave("browser"));
  upstream.once("end", leave("upstream")).once("close", leave("upstream"));
  browser.once("close", () => {
    clearTimeout(cutting);
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

function startLimits(limits: TunnelParts["limits"], close: Tunnel["close"]) {
  const { webSocketIdleTimeoutMs: idleMs, webSocketMaxLifetimeMs: lifetimeMs } = limits;
  const idle = idleMs > 0 ? setTimeout(() => close("idle", GOING_AWAY, "silent for too long"), idleMs) : undefined;
  const lifetime = setTimeout(() => close("lifetime", GOING_AWAY, "open for too long"), lifetimeMs);
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
    clearTimeout(idle);
    clearTimeout(lifetime);
  };
  // A timer that was stopped starts again when it is refreshed.
  return { stop, idle: idle && { refresh: () => void (isStopped || idle.refresh()) } };
}

/** Neither side may hold the other: what one leaves behind is sent, for a while, and then both are closed. */
function createFarewell(browser: Socket, upstream: Duplex) {
  let timer: NodeJS.Timeout | undefined;
  const onClosed = (): void => {
    // Whoever waits for room to write to it waits for nothing.
    browser.resume();
    upstream.resume();
    if (browser.closed && upstream.closed) clearTimeout(timer);
  };
  browser.once("close", onClosed);
  upstream.once("close", onClosed);
  return {
    /** @param side to which nothing more will be said; absent: both */
    begin(lingerMs: number, side?: Duplex): void {
      for (const each of side === undefined ? [browser, upstream] : [side]) each.end();
      timer ??= setTimeout(() => {
        browser.destroy();
        upstream.destroy();
      }, lingerMs);
    },
  };
}
