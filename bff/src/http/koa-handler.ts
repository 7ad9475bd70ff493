// Koa request handler. Forwarded requests bypass Koa's response handling: the proxy writes their responses.
import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import compose from "koa-compose";
import { isBelow } from "../lib/paths.ts";

/**
 * @param forwardedPath prefix of the paths that are forwarded
 * Saves two error listeners per request (on-finished), the largest part of the gateway's memory per idle event stream.
 */
export function koaHandler(app: Koa, forwardedPath: string) {
  const handle = app.callback();
  const chain = compose(app.middleware);
  return function handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isBelow(request.url ?? "", forwardedPath)) return handle(request, response);
    const ctx = app.createContext(request, response);
    return chain(ctx).catch((error: Error) => ctx.onerror(error));
  };
}
