// When an answer's head leaves: neither too late for an event stream, nor alone where its body comes at once.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * An event stream's head must not wait for its first event; a short answer's head should not be a packet alone. The
 * socket is corked and not the response: Node sends the body of a corked response after its end (seen on 22.23).
 */
export function flushSoon(response: ServerResponse): void {
  const { socket } = response;
  socket?.cork();
  response.flushHeaders();
  if (socket !== null) process.nextTick(uncork, socket);
}

function uncork(socket: Socket): void {
  socket.uncork();
}
