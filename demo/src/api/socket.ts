// WebSocket echo that prefixes text messages with the user's name. The handshake passes Koa's middleware like any
// other request.
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Context } from "koa";
import { WebSocketServer, type WebSocket } from "ws";
import { claimsOf } from "./bearer.ts";
import { ProblemError } from "./problem.ts";

type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;
type Upgrade = { socket: Socket; head: Buffer };

const maxMessageBytes = 1024 * 1024;
/** Slow-client limit: the connection is terminated above it. */
const maxUnreadBytes = 4 * 1024 * 1024;

const pendingUpgrades = new WeakMap<IncomingMessage, Upgrade>();
const server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes });

/** @returns a listener for the server's `upgrade` event that runs the request through `handleRequest` */
export function createUpgradeHandler(handleRequest: RequestHandler) {
  return function handleUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    socket.on("error", () => socket.destroy());
    response.once("finish", () => socket.end());
    pendingUpgrades.set(request, { socket, head });
    void handleRequest(request, response);
  };
}

export function echoSocket(ctx: Context): void {
  const upgrade = pendingUpgrades.get(ctx.req);
  if (upgrade === undefined)
    throw new ProblemError(426, "websocket_required", "This resource requires a WebSocket handshake.", {
      upgrade: "websocket",
    });
  const { preferred_username: username, sub = "" } = claimsOf(ctx);
  const name = typeof username === "string" ? username : sub;
  ctx.respond = false;
  ctx.res.statusCode = 101;
  ctx.res.detachSocket(upgrade.socket);
  server.handleUpgrade(ctx.req, upgrade.socket, upgrade.head, (webSocket) => echo(webSocket, name));
}

function echo(webSocket: WebSocket, name: string): void {
  webSocket.on("error", () => webSocket.terminate());
  webSocket.on("message", (message, isBinary) => {
    if (webSocket.bufferedAmount > maxUnreadBytes) webSocket.terminate();
    else webSocket.send(isBinary ? message : `${name}: ${(message as Buffer).toString()}`);
  });
}
