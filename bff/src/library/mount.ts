// Mounts a gateway in the server of a host: which requests are the gateway's, and what must be true of the others' handling.
import {
  createServer,
  maxHeaderSize as maxHeaderSizeOfNode,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { nodeOptions, type ServerConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Gateway as ProcessGateway } from "../gateway.ts";
import { hasBody } from "../http/request-state.ts";
import {
  clientErrorListener,
  connectListener,
  createSocketResponder,
  limitConnections,
  type SocketDependencies,
} from "../http/server-events.ts";
import { SERVER_OPTIONS } from "../http/server-options.ts";
import { handshakeListener, isWebSocket } from "../http/websocket-handshake.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import { createOwnership } from "./ownership.ts";
import { attachGateway, isOfAnotherGateway } from "./server-attachments.ts";
import { checkServer } from "./server-check.ts";
import type { Gateway, HostListener } from "./types.ts";

type Dependencies = {
  gateway: Pick<ProcessGateway, "handle" | "hasHost" | "servicesOf">;
  config: SocketDependencies["config"] & Pick<ServerConfig, "maxConnections" | "trustedProxies">;
  log: Log;
  isClosed: () => boolean;
  /** Sends the problem of an error as the response. */
  reject: (request: IncomingMessage, response: ServerResponse, error: GatewayError) => void;
};

export type Mount = Pick<Gateway, "handler" | "upgrade" | "pages" | "createServer" | "attach"> & {
  /** Removes the listeners of `attach`. */
  detach(): void;
};

/** One wrong mount concerns every request. */
const LOG_EVERY_MS = 60_000;
const NOT_ATTACHED =
  "gateway.attach(server) was not called: WebSockets, Expect: 100-continue and parser errors of this server do not reach the gateway. Call it once the server exists, or use gateway.createServer.";
const BODY_WAS_READ =
  "a handler before the gateway has read the request body. Mount gateway.handler before body parsers";
const RESPONSE_WAS_SENT = "a handler before the gateway has sent the response. Mount gateway.handler first";
const WRITE_WAS_REPLACED =
  "a middleware before the gateway replaces response.write, as compression does: event streams stall, and compressed secrets can be guessed (BREACH). Mount gateway.handler before it.";

// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createMount({ gateway, config, log, isClosed, reject }: Dependencies): Mount {
  const hasOwnTarget = createOwnership(gateway.servicesOf);
  const isOwn = (request: IncomingMessage): boolean =>
    hasOwnTarget(request) && !isOfAnotherGateway(request, gateway.hasHost);
  const throttledError = createThrottledLog(LOG_EVERY_MS);
  const throttledWarning = createThrottledLog(LOG_EVERY_MS);
  const onHandshake = handshakeListener((request, response) => dispatch(request, response), log);
  const rejectOnSocket = createSocketResponder(config, log);
  const attached = new Map<Server, () => void>();
  /** The faults of each server; empty: it may be used. */
  const checked = new WeakMap<Server, readonly string[]>();

  const inspect = (server: Server): readonly string[] => {
    const known = checked.get(server);
    if (known !== undefined) return known;
    const { faults, warnings } = checkServer(server, {
      isBehindProxy: config.trustedProxies.rules.length > 0,
      nodeOptions: nodeOptions(),
      maxHeaderSizeOfNode,
    });
    checked.set(server, faults);
    for (const reason of warnings) log.warn("the gateway is not mounted as documented", { reason });
    return faults;
  };
  /** For a host that has not called `attach`. */
  const inspectOnce = (request: IncomingMessage): readonly string[] => {
    const { server } = request.socket as { server?: Server };
    if (server === undefined) return [];
    if (!checked.has(server) && !attached.has(server))
      log.warn("the gateway is not mounted as documented", { reason: NOT_ATTACHED });
    return inspect(server);
  };
  const misuse = (request: IncomingMessage, response: ServerResponse, reason: string): void => {
    throttledError(() => log.error("the gateway is not mounted correctly", { reason }));
    reject(request, response, new GatewayError("internal", { reason }));
  };

  const dispatch = (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    respond(request, response).catch((error: unknown) => {
      log.error("request failed in a mounted gateway", { error });
      response.destroy();
    });
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (response.headersSent) {
      throttledError(() => log.error("the gateway is not mounted correctly", { reason: RESPONSE_WAS_SENT }));
      return;
    }
    if (Object.hasOwn(response, "write"))
      throttledWarning(() => log.warn("the gateway is not mounted as documented", { reason: WRITE_WAS_REPLACED }));
    // Headers that middlewares of the host have set, such as CORS or cookies: the policies of a response are the gateway's.
    for (const name of response.getHeaderNames()) if (name !== "connection") response.removeHeader(name);
    const [fault] = inspectOnce(request);
    if (fault !== undefined) return misuse(request, response, fault);
    if (hasBody(request) && wasRead(request)) return misuse(request, response, BODY_WAS_READ);
    if (isClosed()) {
      response.setHeader("Connection", "close");
      const reason = "the gateway is closed";
      return reject(request, response, new GatewayError("overloaded", { reason }));
    }
    return gateway.handle(request, response);
  }

  const handler: Gateway["handler"] = (request, response, next) => {
    requireRoot(request, isOwn);
    if (!isOwn(request)) {
      next?.();
      return false;
    }
    void dispatch(request, response);
    return true;
  };
  const pages: Gateway["pages"] = (request, response) => void dispatch(request, response);
  const upgrade: Gateway["upgrade"] = (request, socket, head) => {
    if (!isOwn(request)) return false;
    if (isWebSocket(request)) onHandshake(request, socket, head);
    else rejectOnSocket(socket, { status: 400, reason: "unsupported Upgrade" });
    return true;
  };
  const attach = (server: Server): void => {
    if (attached.has(server)) return;
    const faults = inspect(server);
    if (faults.length > 0) throw new TypeError(faults.join(" "));
    const [onClientError, onConnect] = [clientErrorListener({ config, log }), connectListener({ config, log })];
    const { hasHost } = gateway;
    attached.set(server, attachGateway(server, { isOwn, hasHost, upgrade, onClientError, onConnect, log }));
  };
  return {
    ...{ handler, pages, upgrade, attach },
    createServer(host: HostListener = pages) {
      const server = createServer(SERVER_OPTIONS);
      limitConnections(server, { config, log });
      server.on("request", (request, response) => {
        if (!handler(request, response)) host(request, response);
      });
      attach(server);
      return server;
    },
    detach() {
      for (const remove of attached.values()) remove();
      attached.clear();
    },
  };
}

/** Frameworks that strip a mount path from `url` keep the original. */
function requireRoot(request: IncomingMessage, isOwn: (request: IncomingMessage) => boolean): void {
  const { originalUrl } = request as { originalUrl?: unknown };
  if (typeof originalUrl !== "string" || originalUrl === request.url) return;
  const original = Object.create(request, { url: { value: originalUrl } }) as IncomingMessage;
  if (isOwn(original) || isOwn(request))
    throw new TypeError(
      "gateway.handler must see the URL of the browser. Mount it without a path, before middlewares that rewrite URLs.",
    );
}

/** A body that a parser has read, or is reading. */
function wasRead(request: IncomingMessage): boolean {
  return request.readableDidRead || request.readableFlowing === true || request.listenerCount("data") > 0;
}
