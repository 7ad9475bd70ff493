// Demo of server-sent events through the gateway, which streams responses without buffering them.
import { useEffect, useRef, useState } from "react";
import { subscribeApiEvents } from "../../server/api-events.ts";
import { sanitizeText } from "../../server/sanitize-text.ts";
import { client } from "../../session/session.ts";
import { ConnectionStatus } from "./connection-status.tsx";

const maxShownEvents = 4;
const statusTexts = {
  off: "Not listening.",
  opening: "Opening the stream.",
  on: "Listening.",
  reconnecting: "The stream was interrupted. The browser is reconnecting.",
  rejected: "The stream was rejected.",
} as const;
type Status = keyof typeof statusTexts;

export function LiveEvents() {
  const [status, setStatus] = useState<Status>("off");
  const [events, setEvents] = useState<readonly string[]>([]);
  const stop = useRef<() => void>(undefined);
  useEffect(() => () => stop.current?.(), []);
  const isSubscribed = status !== "off" && status !== "rejected";

  function toggle(): void {
    stop.current?.();
    stop.current = undefined;
    if (isSubscribed) return setStatus("off");
    setStatus("opening");
    setEvents([]);
    stop.current = subscribeApiEvents({
      onOpen: () => setStatus("on"),
      onEvent: (text) => setEvents((before) => [text, ...before].slice(0, maxShownEvents)),
      onReconnecting: () => setStatus("reconnecting"),
      onRejected: () => {
        setStatus("rejected");
        // EventSource does not expose the status; the usual cause is an ended session.
        void client.check();
      },
    });
  }

  return (
    <section className="panel" aria-labelledby="events-heading">
      <div className="section-head">
        <h2 id="events-heading">Live events</h2>
        <ConnectionStatus isOpen={status === "on"}>{statusTexts[status]}</ConnectionStatus>
      </div>
      <p className="quiet">Server-sent events, one a second.</p>
      <div className="actions">
        <button type="button" className="button" onClick={toggle}>
          {isSubscribed ? "Stop listening" : "Start listening"}
        </button>
      </div>
      {events.length > 0 && (
        <ol className={status === "on" ? "events" : "events events-stale"}>
          {events.map((event) => (
            <li key={event}>
              <code className="breakable">{sanitizeText(event)}</code>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
