// Demo of a WebSocket through the gateway: the API echoes every message with the sender's name.
import { type FormEvent, useEffect, useRef, useState } from "react";
import { type ApiSocket, openApiSocket } from "../../server/api-socket.ts";
import { sanitizeText } from "../../server/sanitize-text.ts";
import { client } from "../../session/session.ts";
import { ConnectionStatus } from "./connection-status.tsx";

const maxShownMessages = 4;
const maxMessageLength = 200;
const statusTexts = {
  closed: "Not connected.",
  opening: "Connecting.",
  open: "Connected.",
  lost: "The connection was closed.",
  ended: "The gateway closed the connection because the session has ended.",
} as const;
type Status = keyof typeof statusTexts;
type Message = { readonly id: number; readonly text: string };

export function LiveConnection() {
  const [status, setStatus] = useState<Status>("closed");
  const [draft, setDraft] = useState("hello");
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const socket = useRef<ApiSocket>(undefined);
  useEffect(() => () => socket.current?.close(), []);
  const isConnected = status === "opening" || status === "open";

  function connect(): void {
    setStatus("opening");
    setMessages([]);
    const opened = openApiSocket({
      onOpen: () => setStatus("open"),
      onMessage: (text) =>
        setMessages((before) => [{ id: (before[0]?.id ?? 0) + 1, text }, ...before].slice(0, maxShownMessages)),
      onClosed: (hasSessionEnded) => {
        if (socket.current !== opened) return;
        socket.current = undefined;
        setStatus(hasSessionEnded ? "ended" : "lost");
        void client.check();
      },
    });
    socket.current = opened;
  }
  function disconnect(): void {
    const open = socket.current;
    socket.current = undefined;
    open?.close();
    setStatus("closed");
  }
  function send(event: FormEvent): void {
    event.preventDefault();
    socket.current?.send(draft);
  }

  return (
    <section className="panel" aria-labelledby="connection-heading">
      <div className="section-head">
        <h2 id="connection-heading">Live connection</h2>
        <ConnectionStatus isOpen={status === "open"}>{statusTexts[status]}</ConnectionStatus>
      </div>
      <p className="quiet">A WebSocket. The API sends each message back with your name.</p>
      <div className="actions">
        <button type="button" className="button" onClick={isConnected ? disconnect : connect}>
          {isConnected ? "Disconnect" : "Connect"}
        </button>
      </div>
      {status === "open" && (
        <form className="call-form" onSubmit={send}>
          <label className="field field-wide">
            <span>Say something</span>
            <input
              type="text"
              autoComplete="off"
              maxLength={maxMessageLength}
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
        <ol className={status === "open" ? "events" : "events events-stale"}>
          {messages.map(({ id, text }) => (
            <li key={id}>
              <code className="breakable">{sanitizeText(text)}</code>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
