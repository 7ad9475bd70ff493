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
  flushHead(response);
  if (socket !== null) process.nextTick(uncork, socket);
}

/**
 * Sends the head now, each character as one byte. Node's flushHeaders takes the head for text and encodes what is above
 * 0x7F as UTF-8; with `end` and with the first bytes of a body Node sends it as it is (seen on 22.23).
 */
export function flushHead(response: ServerResponse): void {
  const send: unknown = Reflect.get(response, "_send");
  if (typeof send === "function") send.call(response, "", "latin1");
  else response.flushHeaders();
}

function uncork(socket: Socket): void {
  socket.uncork();
}
