// One line for every request, written when its answer has ended, whichever way it ended.
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import type { Log } from "../logging/log.ts";
import { clientAddress } from "./client-address.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { rawPath, requestState } from "./request-state.ts";
import { routeClass } from "../lib/paths.ts";

/** Longer paths are cut in the log: whoever sends them chose them to fill it. */
const MAX_LOGGED_PATH = 512;
/** nginx's number for a browser that left before its answer was complete. */
const BROWSER_LEFT = 499;

type RequestLogParts = { config: Pick<Config, "trustedProxies">; log: Log; metrics: Pick<Metrics, "request"> };

export function requestLog({ config, log, metrics }: RequestLogParts) {
  const finish = (ctx: Context, startedAt: number): void => {
    const { req, res } = ctx;
    const { requestId, upstream, code, reason, webSocket } = requestState(ctx);
    const url = req.url ?? "";
    const method = req.method ?? "";
    // A cut answer without a code of ours was cut by the browser.
    const status = res.writableFinished || (code !== undefined && res.headersSent) ? res.statusCode : BROWSER_LEFT;
    const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
    const path = rawPath(url).slice(0, MAX_LOGGED_PATH);
    const address = clientAddress(req, config.trustedProxies);
    const line = { requestId, method, path, status, durationMs, clientAddress: address, upstream, code, reason };
    log.request({ ...line, webSocket });
    metrics.request({ route: routeClass(url), method, status, durationMs, code });
  };
  return function logRequest(ctx: Context, next: Next): Promise<void> {
    const startedAt = performance.now();
    ctx.res.on("close", () => finish(ctx, startedAt));
    return next();
  };
}
