// The WebSocket /api/socket: opened like any call, without a token; the gateway closes it when the session ends.
import { api } from "../paths.ts";

/** The gateway's code for an HTTP 401 on an open connection. */
const sessionEndedCode = 4401;

export interface SocketHandlers {
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
  /** @param isSessionOver what the gateway said; of a handshake that it refused a page learns nothing */
  readonly onClosed: (isSessionOver: boolean) => void;
}

export interface OpenSocket {
  readonly say: (text: string) => void;
  readonly close: () => void;
}

export function openSocket(handlers: SocketHandlers): OpenSocket {
  const address = new URL(api.socket, window.location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.addEventListener("open", handlers.onOpen);
  socket.addEventListener("message", (event) => handlers.onMessage(String(event.data)));
  socket.addEventListener("close", ({ code }) => handlers.onClosed(code === sessionEndedCode));
  return {
    say: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}
