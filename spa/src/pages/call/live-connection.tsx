// A WebSocket through the gateway: the API sends every message back with the name of its sender.
import { type FormEvent, useEffect, useRef, useState } from "react";
import { LiveState } from "../../parts/live-state.tsx";
import { plainText } from "../../server/plain-text.ts";
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
    <section className="panel" aria-labelledby="connection-heading">
      <div className="section-head">
        <h2 id="connection-heading">Live connection</h2>
        <LiveState isLive={status === "open"}>{statusTexts[status]}</LiveState>
      </div>
      <p className="quiet">A WebSocket. The API sends each message back with your name.</p>
      <div className="actions">
        <button type="button" className="button" onClick={isConnected ? disconnect : connect}>
          {isConnected ? "Disconnect" : "Connect"}
        </button>
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
        <ol className={status === "open" ? "events" : "events events-past"}>
          {messages.map(({ id, text }) => (
            <li key={id}>
              <code className="breakable">{plainText(text)}</code>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
