// Koa request handler. Requests below /api bypass Koa's response handling, since the proxy writes those responses itself.
import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import compose from "koa-compose";
import { isBelow } from "../lib/paths.ts";

/**
 * Saves two error listeners per request (on-finished), the largest part of the gateway's memory per idle event stream.
 */
export function koaHandler(app: Koa) {
  const handle = app.callback();
  const chain = compose(app.middleware);
  return function handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isBelow(request.url ?? "", "/api")) return handle(request, response);
    const ctx = app.createContext(request, response);
    return chain(ctx).catch((error: Error) => ctx.onerror(error));
  };
}
