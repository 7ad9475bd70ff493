// GET /api/events: numbered server-sent events of the API.
import { api } from "../paths.ts";

export interface ApiEventHandlers {
  readonly onOpen: () => void;
  readonly onEvent: (text: string) => void;
  /** The connection was lost; EventSource reconnects. */
  readonly onReconnecting: () => void;
  /** The response was not an event stream; EventSource does not reconnect. */
  readonly onRejected: () => void;
}

/** @returns closes the stream */
export function subscribeApiEvents(handlers: ApiEventHandlers): () => void {
  const source = new EventSource(api.events);
  source.addEventListener("open", handlers.onOpen);
  source.addEventListener("message", (event) => handlers.onEvent(String(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) handlers.onRejected();
    else handlers.onReconnecting();
  });
  return () => source.close();
}
