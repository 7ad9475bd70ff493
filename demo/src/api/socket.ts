// A WebSocket that says who is speaking and repeats it. Its handshake is a request like any other: Koa answers it.
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Context } from "koa";
import { WebSocketServer, type WebSocket } from "ws";
import { claimsOf } from "./bearer.ts";
import { Refusal } from "./problem.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;
type Offered = { socket: Socket; head: Buffer };

const maxMessageBytes = 1024 * 1024;
/** A reader that is this far behind is gone or hostile. */
const maxUnreadBytes = 4 * 1024 * 1024;

const offered = new WeakMap<IncomingMessage, Offered>();
const server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes });

/** For the listener's `upgrade` event. */
export function answerUpgrade(answer: Answer) {
  return function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    socket.on("error", () => socket.destroy());
    response.once("finish", () => socket.end());
    offered.set(request, { socket, head });
    void answer(request, response);
  };
}

export function echoSocket(ctx: Context): void {
  const found = offered.get(ctx.req);
  if (found === undefined)
    throw new Refusal(426, "websocket_required", "Open this address as a WebSocket.", { upgrade: "websocket" });
  const { preferred_username: username, sub = "" } = claimsOf(ctx);
  const name = typeof username === "string" ? username : sub;
  ctx.respond = false;
  ctx.res.statusCode = 101;
  ctx.res.detachSocket(found.socket);
  server.handleUpgrade(ctx.req, found.socket, found.head, (webSocket) => echo(webSocket, name));
}

function echo(webSocket: WebSocket, name: string): void {
  webSocket.on("error", () => webSocket.terminate());
  webSocket.on("message", (message, isBinary) => {
    if (webSocket.bufferedAmount > maxUnreadBytes) webSocket.terminate();
    else webSocket.send(isBinary ? message : `${name}: ${(message as Buffer).toString()}`);
  });
}
