// Pipelining guard: handles one request per connection at a time. Node emits pipelined requests while the previous response
// is open, and emits no "close" for their responses if the browser disconnects: what they hold would never be released.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Log } from "../logging/log.ts";

export type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Pipelined requests kept per connection. Browsers and reverse proxies do not pipeline. */
const MAX_PIPELINED = 16;

/** Calls `handle` when the request's response is next on its connection; never, if the connection is closed before. */
export function pipeliningGuard(handle: Handle, log: Pick<Log, "security">): Handle {
  const pipelined = new WeakMap<Socket, number>();
  return function handleInTurn(request, response) {
    // Node assigns the socket to a response when the previous one has ended.
    if (response.socket !== null) return handle(request, response);
    const { socket } = request;
    const waiting = (pipelined.get(socket) ?? 0) + 1;
    pipelined.set(socket, waiting);
    if (waiting > MAX_PIPELINED) {
      if (!socket.destroyed) log.security("request_rejected", { reason: "too many pipelined requests" });
      socket.destroy();
      return Promise.resolve();
    }
    response.once("socket", () => {
      pipelined.set(socket, (pipelined.get(socket) ?? 1) - 1);
      void handle(request, response);
    });
    return Promise.resolve();
  };
}
