// GET /api/events: numbered server-sent events. EventSource reconnects by itself and sends no header.
import { api } from "../paths.ts";

export interface EventsHandlers {
  readonly onOpen: () => void;
  readonly onEvent: (text: string) => void;
  readonly onInterrupted: () => void;
  /** The server answered something else than a stream: EventSource does not try again. */
  readonly onRefused: () => void;
}

export function listenToEvents(handlers: EventsHandlers): () => void {
  const source = new EventSource(api.events);
  source.addEventListener("open", handlers.onOpen);
  source.addEventListener("message", (event) => handlers.onEvent(String(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) handlers.onRefused();
    else handlers.onInterrupted();
  });
  return () => source.close();
}
