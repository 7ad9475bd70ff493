// A stream through the gateway: events arrive one by one, so responses are forwarded without being collected first.
import { useEffect, useRef, useState } from "react";
import { LiveState } from "../../parts/live-state.tsx";
import { listenToEvents } from "../../server/events.ts";
import { plainText } from "../../server/plain-text.ts";
import { session } from "../../session/session.ts";

const shownEvents = 4;
const statusTexts = {
  off: "Not listening.",
  opening: "Opening the stream.",
  on: "Listening.",
  interrupted: "The stream was interrupted. The browser is connecting again.",
  refused: "The stream was refused.",
} as const;
type Status = keyof typeof statusTexts;

export function LiveEvents() {
  const [status, setStatus] = useState<Status>("off");
  const [events, setEvents] = useState<readonly string[]>([]);
  const stop = useRef<() => void>(undefined);
  useEffect(() => () => stop.current?.(), []);
  const isOpen = status !== "off" && status !== "refused";

  function toggle(): void {
    stop.current?.();
    stop.current = undefined;
    if (isOpen) return setStatus("off");
    setStatus("opening");
    setEvents([]);
    stop.current = listenToEvents({
      onOpen: () => setStatus("on"),
      onEvent: (text) => setEvents((before) => [text, ...before].slice(0, shownEvents)),
      onInterrupted: () => setStatus("interrupted"),
      onRefused: () => {
        setStatus("refused");
        // EventSource does not tell why; the usual reason is that the session is over.
        void session.check();
      },
    });
  }

  return (
    <section className="panel" aria-labelledby="events-heading">
      <div className="section-head">
        <h2 id="events-heading">Live events</h2>
        <LiveState isLive={status === "on"}>{statusTexts[status]}</LiveState>
      </div>
      <p className="quiet">Server-sent events, one a second.</p>
      <div className="actions">
        <button type="button" className="button" onClick={toggle}>
          {isOpen ? "Stop listening" : "Start listening"}
        </button>
      </div>
      {events.length > 0 && (
        <ol className={status === "on" ? "events" : "events events-past"}>
          {events.map((event) => (
            <li key={event}>
              <code className="breakable">{plainText(event)}</code>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
