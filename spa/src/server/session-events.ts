// GET /bff/events: what happens to this browser's session, told as it happens. Listening keeps no session alive.
import { gateway } from "../paths.ts";
import { isRecord } from "./problem.ts";

export interface SessionEventsHandlers {
  /** @param reason the gateway's word for it; null where it gives none that is text */
  readonly onEnded: (reason: string | null) => void;
  /** The end has come near, or has moved away again. */
  readonly onExpiring: (isNear: boolean) => void;
  /** The answer was no stream: EventSource does not try again, and does not say why. */
  readonly onRefused: () => void;
}

/** @returns stops listening */
export function listenToSession(handlers: SessionEventsHandlers): () => void {
  const source = new EventSource(gateway.events);
  source.addEventListener("session-ended", (event) => {
    source.close();
    handlers.onEnded(reasonOf(event.data));
  });
  source.addEventListener("session-expiring", () => handlers.onExpiring(true));
  source.addEventListener("session-extended", () => handlers.onExpiring(false));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) handlers.onRefused();
  });
  return () => source.close();
}

function reasonOf(text: unknown): string | null {
  try {
    const fields: unknown = JSON.parse(String(text));
    return isRecord(fields) && typeof fields["reason"] === "string" ? fields["reason"] : null;
  } catch {
    return null; // Whatever it says, the session has ended.
  }
}
