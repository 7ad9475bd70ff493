// A stream through the gateway: proof that answers are passed on as they come, not collected first.
import { useEffect, useRef, useState } from "react";
import { listenToEvents } from "../../server/events.ts";
import { session } from "../../session/session.ts";

const shownEvents = 4;
const statusTexts = {
  off: "Not listening.",
  opening: "Opening the stream.",
  on: "Listening: one event a second.",
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
    <section aria-labelledby="events-heading">
      <h2 id="events-heading">Live events</h2>
      <div className="stub-row">
        <button type="button" className="button" onClick={toggle}>
          {isOpen ? "Stop listening" : "Start listening"}
        </button>
        <output>{statusTexts[status]}</output>
      </div>
      {events.length > 0 && (
        <ol className="events">
          {events.map((event) => (
            <li key={event}>
              <code className="breakable">{event}</code>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
