// The user's sessions, with buttons that end one or all of them.
import type { SessionSummary } from "@cloakroom/client";
import { useRequest } from "@cloakroom/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { FailurePanel } from "../../components/failure-panel.tsx";
import { Loading } from "../../components/loading.tsx";
import { isSending, shownFailure } from "../../components/shown-failure.ts";
import { LogOutEverywhere } from "./log-out-everywhere.tsx";
import { SessionRow, deviceName } from "./session-row.tsx";

export function SessionList() {
  const { state, run } = useRequest<readonly SessionSummary[]>();
  const load = useCallback(() => run(({ client, init }) => client.sessions.list(init)), [run]);
  useEffect(load, [load]);
  const shown = shownFailure(state);
  const sessions = useLastNonNull(state.kind === "succeeded" ? state.value : null);
  return (
    <section aria-labelledby="sessions-heading">
      <h2 id="sessions-heading" tabIndex={-1}>
        Where you are logged in
      </h2>
      {sessions !== null && <Sessions sessions={sessions} onEnded={load} />}
      {sessions === null && isSending(state) && <Loading what="your sessions" />}
      {shown !== null && (
        <FailurePanel
          {...shown}
          actions={
            <button type="button" className="button" onClick={load}>
              Try again
            </button>
          }
        />
      )}
    </section>
  );
}

/** Keeps the list, and the focus in it, on the page while it is loaded again. */
function useLastNonNull<T>(value: T | null): T | null {
  const [last, setLast] = useState(value);
  if (value !== null && value !== last) setLast(value);
  return value ?? last;
}

interface SessionsProps {
  readonly sessions: readonly SessionSummary[];
  readonly onEnded: () => void;
}

function Sessions({ sessions, onEnded }: SessionsProps) {
  const [ended, setEnded] = useState<readonly string[]>([]);
  const [lastEnded, setLastEnded] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const shown = sortSessions(sessions.filter((each) => !ended.includes(each.handle)));

  const end = useCallback(
    (session: SessionSummary): void => {
      focusNeighbour(list.current, session.handle);
      setEnded((before) => [...before, session.handle]);
      setLastEnded(deviceName(session));
      onEnded();
    },
    [onEnded],
  );

  return (
    <>
      {/* The number makes the text unique: a live region does not announce the same text twice. */}
      <output className="visually-hidden">
        {lastEnded !== null && `The session on ${lastEnded} has ended. ${remainingText(shown.length)}`}
      </output>
      <ul className="sessions" ref={list}>
        {shown.map((each, index) => (
          <SessionRow key={each.handle} session={each} position={`${index + 1} of ${shown.length}`} onEnded={end} />
        ))}
      </ul>
      <LogOutEverywhere sessionCount={shown.length} />
    </>
  );
}

const remainingText = (count: number): string => (count === 1 ? "1 session remains." : `${count} sessions remain.`);

/** The current session first, then by last use, most recent first. */
function sortSessions(sessions: readonly SessionSummary[]): readonly SessionSummary[] {
  const rank = ({ isCurrent, lastUsedAtMs }: SessionSummary) => (isCurrent ? Infinity : (lastUsedAtMs ?? 0));
  return sessions.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)));
}

/** Moves the focus from the button of the removed row to its neighbour; a focus elsewhere is kept. */
function focusNeighbour(list: HTMLElement | null, handle: string): void {
  const buttons = [...(list?.querySelectorAll<HTMLElement>("[data-session]") ?? [])];
  const at = buttons.findIndex((button) => button.dataset["session"] === handle);
  const pressed = buttons[at];
  if (pressed === undefined || document.activeElement !== pressed) return;
  const next = buttons[at + 1] ?? buttons[at - 1] ?? document.getElementById("sessions-heading");
  next?.focus();
}
