// Server-sent events: a numbered stream that resumes after Last-Event-ID and ends when the client disconnects.
import { PassThrough } from "node:stream";
import type { Context, Middleware } from "koa";
import { claimsOf } from "./bearer.ts";
import { numberParameter } from "./query-parameters.ts";

const heartbeatMs = 15_000;
/** Slow-client limit: the stream is aborted above it. */
const maxUnreadBytes = 256 * 1024;

/** Number of open streams, shared with tests. */
export type OpenStreams = { count: number };

export function eventStream(open: OpenStreams): Middleware {
  return function eventStream(ctx: Context) {
    const intervalMs = numberParameter(ctx, "intervalMs", { min: 10, max: 60_000, default: 1_000 });
    const count = numberParameter(ctx, "count", { min: 1, max: 1_000_000, default: 1_000_000 });
    const name = claimsOf(ctx)["preferred_username"] ?? claimsOf(ctx).sub;
    const stream = new PassThrough();
    ctx.type = "text/event-stream";
    ctx.set("x-accel-buffering", "no");
    ctx.body = stream;
    let number = Number(/^\d{1,9}$/.exec(ctx.get("last-event-id"))?.[0] ?? 0);
    const lastNumber = number + count;
    const send = () => {
      number += 1;
      stream.write(`id: ${number}\ndata: ${JSON.stringify({ number, at: new Date().toISOString(), for: name })}\n\n`);
      if (number >= lastNumber) stream.end();
      if (stream.writableLength > maxUnreadBytes) stream.destroy();
    };
    const eventTimer = setInterval(send, intervalMs);
    const heartbeatTimer = setInterval(() => stream.write(": keep-alive\n\n"), heartbeatMs);
    const stop = () => {
      clearInterval(eventTimer);
      clearInterval(heartbeatTimer);
    };
    open.count += 1;
    stream.once("finish", stop).once("close", () => {
      stop();
      open.count -= 1;
    });
    stream.on("error", () => undefined);
    send();
  };
}
