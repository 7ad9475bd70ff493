// The API's WebSocket, /api/socket. The gateway authenticates the handshake by cookie and closes the connection when
// the session ends.
import { api } from "../paths.ts";

/** The gateway's close code for a session that has ended: 4000 + HTTP status 401. */
const sessionEndedCloseCode = 4401;

export interface ApiSocketHandlers {
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
  /** @param hasSessionEnded false for a rejected handshake: browsers do not expose its status */
  readonly onClosed: (hasSessionEnded: boolean) => void;
}

export interface ApiSocket {
  /** Drops the message unless the connection is open. */
  readonly send: (text: string) => void;
  readonly close: () => void;
}

export function openApiSocket(handlers: ApiSocketHandlers): ApiSocket {
  const url = new URL(api.socket, window.location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.addEventListener("open", handlers.onOpen);
  socket.addEventListener("message", (event) => handlers.onMessage(String(event.data)));
  socket.addEventListener("close", ({ code }) => handlers.onClosed(code === sessionEndedCloseCode));
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}
