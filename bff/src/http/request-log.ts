// Request log: one line per request, written when its response has ended or was aborted; also feeds the request metrics.
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import { createInFlight, type InFlight } from "../lib/in-flight.ts";
import type { Log } from "../logging/log.ts";
import { clientAddress } from "./client-address.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { rawPath, requestState } from "./request-state.ts";

/** Longer paths are truncated, so that clients cannot fill the log. */
const MAX_LOGGED_PATH = 512;
/** nginx's status for a client that closed the connection before the response was complete. */
const CLIENT_CLOSED_REQUEST = 499;

type RequestLogDependencies = {
  config: Pick<Config, "trustedProxies">;
  log: Log;
  metrics: Pick<Metrics, "request">;
  /** Counts the requests whose responses have not ended. */
  inFlight?: InFlight;
};

export function requestLog({ config, log, metrics, inFlight = createInFlight() }: RequestLogDependencies) {
  const finish = (ctx: Context, startedAt: number): void => {
    inFlight.count--;
    const { req, res } = ctx;
    const { requestId, route, upstream, holder, code, reason, webSocket } = requestState(ctx);
    const url = req.url ?? "";
    const method = req.method ?? "";
    // An aborted response without an error code was aborted by the browser.
    const status =
      res.writableFinished || (code !== undefined && res.headersSent) ? res.statusCode : CLIENT_CLOSED_REQUEST;
    const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
    const path = rawPath(url).slice(0, MAX_LOGGED_PATH);
    const address = clientAddress(req, config.trustedProxies);
    const line = { requestId, method, path, status, durationMs, clientAddress: address, upstream, code, reason };
    log.request({ ...line, holder, webSocket });
    metrics.request({ route: route.kind, method, status, durationMs, code });
  };
  return function logRequest(ctx: Context, next: Next): Promise<void> {
    const startedAt = performance.now();
    inFlight.count++;
    ctx.res.on("close", () => finish(ctx, startedAt));
    return next();
  };
}
