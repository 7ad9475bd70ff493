// A WebSocket through the gateway: what is said comes back with the name that the API knows the speaker by.
import { type FormEvent, useEffect, useRef, useState } from "react";
import { openSocket, type OpenSocket } from "../../server/socket.ts";
import { session } from "../../session/session.ts";

const shownMessages = 4;
const longestMessage = 200;
const statusTexts = {
  closed: "Not connected.",
  opening: "Connecting.",
  open: "Connected.",
  lost: "The connection was closed.",
  ended: "The gateway closed the connection, because the session has ended.",
} as const;
type Status = keyof typeof statusTexts;
type Message = { readonly id: number; readonly text: string };

export function LiveConnection() {
  const [status, setStatus] = useState<Status>("closed");
  const [draft, setDraft] = useState("hello");
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const socket = useRef<OpenSocket>(undefined);
  useEffect(() => () => socket.current?.close(), []);
  const isConnected = status === "opening" || status === "open";

  function connect(): void {
    setStatus("opening");
    setMessages([]);
    const mine = openSocket({
      onOpen: () => setStatus("open"),
      onMessage: (text) =>
        setMessages((before) => [{ id: (before[0]?.id ?? 0) + 1, text }, ...before].slice(0, shownMessages)),
      onClosed: (isSessionOver) => {
        if (socket.current !== mine) return;
        socket.current = undefined;
        setStatus(isSessionOver ? "ended" : "lost");
        void session.check();
      },
    });
    socket.current = mine;
  }
  function disconnect(): void {
    const open = socket.current;
    socket.current = undefined;
    open?.close();
    setStatus("closed");
  }
  function say(event: FormEvent): void {
    event.preventDefault();
    socket.current?.say(draft);
  }

  return (
    <section aria-labelledby="connection-heading">
      <h2 id="connection-heading">Live connection</h2>
      <div className="stub-row">
        <button type="button" className="button" onClick={isConnected ? disconnect : connect}>
          {isConnected ? "Disconnect" : "Connect"}
        </button>
        <output>{statusTexts[status]}</output>
      </div>
      {status === "open" && (
        <form className="call-form" onSubmit={say}>
          <label className="field field-wide">
            <span>Say something</span>
            <input
              type="text"
              autoComplete="off"
              maxLength={longestMessage}
              value={draft}
              onChange={(event) => setDraft(event.target.value)}
            />
          </label>
          <button type="submit" className="button">
            Say it
          </button>
        </form>
      )}
      {messages.length > 0 && (
        <ol className="events">
          {messages.map(({ id, text }) => (
            <li key={id}>
              <code className="breakable">{text}</code>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
