// Flushes response headers: promptly for event streams, but in one packet with a body that follows at once.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Flushes the headers at the end of the current turn, together with body data written until then. Corks the socket, not
 * the response: Node sends the body of a corked response after its end (observed with 22.23).
 */
export function flushHeadersOnNextTick(response: ServerResponse): void {
  const { socket } = response;
  socket?.cork();
  flushHeadersNow(response);
  if (socket !== null) process.nextTick(uncork, socket);
}

/**
 * Writes the headers as latin1, one byte per character. Node's flushHeaders encodes characters above 0x7F as UTF-8, unlike
 * `end` and `write` (observed with 22.23).
 */
export function flushHeadersNow(response: ServerResponse): void {
  const send: unknown = Reflect.get(response, "_send");
  if (typeof send === "function") send.call(response, "", "latin1");
  else response.flushHeaders();
}

function uncork(socket: Socket): void {
  socket.uncork();
}
