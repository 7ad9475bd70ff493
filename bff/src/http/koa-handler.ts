// How a request enters Koa: below /api without Koa's own end of a request, for those answers are never Koa's to write.
import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import compose from "koa-compose";
import { isBelow } from "../lib/paths.ts";

/**
 * What is left out (a listener on response and socket each, for errors that Node reports as well) takes more memory of
 * an idle event stream than anything else of ours.
 */
export function koaHandler(app: Koa) {
  const handle = app.callback();
  const chain = compose(app.middleware);
  return function enter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isBelow(request.url ?? "", "/api")) return handle(request, response);
    const ctx = app.createContext(request, response);
    return chain(ctx).catch((error: Error) => ctx.onerror(error));
  };
}
