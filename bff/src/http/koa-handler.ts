// Koa request handler. Forwarded requests bypass Koa's response handling: the proxy writes their responses.
import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import compose from "koa-compose";
import type { RouteTable } from "./route-table.ts";

/**
 * Saves two error listeners per request (on-finished), the largest part of the gateway's memory per idle event stream.
 */
export function koaHandler(app: Koa, routes: Pick<RouteTable, "find">) {
  const handle = app.callback();
  const chain = compose(app.middleware);
  return function handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { kind, row } = routes.find(request.url ?? "");
    // Navigations to server-rendered pages also get responses of the gateway.
    if (kind !== "upstream" || row?.csrf === "same-origin") return handle(request, response);
    const ctx = app.createContext(request, response);
    return chain(ctx).catch((error: Error) => ctx.onerror(error));
  };
}
