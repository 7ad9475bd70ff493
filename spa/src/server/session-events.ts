// GET /bff/events: server-sent events of this browser's session. The stream does not extend the session.
import { gateway } from "../paths.ts";
import { isRecord } from "./problem.ts";

export interface SessionEventHandlers {
  /** @param reason the gateway's reason; null if the event carries none */
  readonly onEnded: (reason: string | null) => void;
  readonly onExpiring: () => void;
  readonly onExtended: () => void;
  /** The response was not an event stream; EventSource does not reconnect and does not expose the status. */
  readonly onRejected: () => void;
}

/** @returns closes the stream */
export function subscribeSessionEvents(handlers: SessionEventHandlers): () => void {
  const source = new EventSource(gateway.events);
  source.addEventListener("session-ended", (event) => {
    source.close();
    handlers.onEnded(parseReason(event.data));
  });
  source.addEventListener("session-expiring", handlers.onExpiring);
  source.addEventListener("session-extended", handlers.onExtended);
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) handlers.onRejected();
  });
  return () => source.close();
}

function parseReason(data: unknown): string | null {
  try {
    const fields: unknown = JSON.parse(String(data));
    return isRecord(fields) && typeof fields["reason"] === "string" ? fields["reason"] : null;
  } catch {
    return null; // The event's type alone says that the session has ended.
  }
}
