// One request of a connection at a time. Node hands over those that were sent ahead (pipelining) while the answer before
// theirs is still open, and never tells such an answer that its browser has left: whatever it holds it would hold for ever.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Log } from "../logging/log.ts";

export type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** No browser sends ahead, and no proxy in front of us; of a program that does so much is kept. */
const MOST_AHEAD = 16;

/** Each request is handed on when its answer is the next one on its connection, or never, where that is closed before. */
export function pipeliningGuard(handle: Handle, log: Pick<Log, "security">): Handle {
  const ahead = new WeakMap<Socket, number>();
  return function handleInTurn(request, response) {
    // Node gives an answer its socket when the one before it has been sent.
    if (response.socket !== null) return handle(request, response);
    const { socket } = request;
    const waiting = (ahead.get(socket) ?? 0) + 1;
    ahead.set(socket, waiting);
    if (waiting > MOST_AHEAD) {
      if (!socket.destroyed) log.security("request_rejected", { reason: "too many requests sent ahead" });
      socket.destroy();
      return Promise.resolve();
    }
    response.once("socket", () => {
      ahead.set(socket, (ahead.get(socket) ?? 1) - 1);
      void handle(request, response);
    });
    return Promise.resolve();
  };
}
