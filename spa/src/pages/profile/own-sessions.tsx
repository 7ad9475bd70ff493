// Where the user is logged in: every session of theirs, with a way to end one or all.
import { useCallback, useEffect, useRef, useState } from "react";
import { FailurePanel } from "../../parts/failure-panel.tsx";
import { Waiting } from "../../parts/waiting.tsx";
import { type OwnSession, fetchOwnSessions } from "../../server/sessions.ts";
import { useServerCall } from "../../session/use-server-call.ts";
import { EndEverywhere } from "./end-everywhere.tsx";
import { SessionRow, deviceOf } from "./session-row.tsx";

export function OwnSessions() {
  const { state, run } = useServerCall<readonly OwnSession[]>();
  const load = useCallback(() => run(fetchOwnSessions), [run]);
  useEffect(load, [load]);
  const sessions = useLastAnswer(state.kind === "answered" ? state.value : null);
  return (
    <section aria-labelledby="sessions-heading">
      <h2 id="sessions-heading" tabIndex={-1}>
        Where you are logged in
      </h2>
      {sessions !== null && <SessionList sessions={sessions} onEnded={load} />}
      {sessions === null && state.kind === "waiting" && <Waiting what="your sessions" />}
      {state.kind === "failed" && (
        <FailurePanel
          failure={state.failure}
          retryAtMs={state.retryAtMs}
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

/** A list that is loaded again stays on the page meanwhile, and the focus in it. */
function useLastAnswer<T>(answer: T | null): T | null {
  const [last, setLast] = useState(answer);
  if (answer !== null && answer !== last) setLast(answer);
  return answer ?? last;
}

interface SessionListProps {
  readonly sessions: readonly OwnSession[];
  readonly onEnded: () => void;
}

function SessionList({ sessions, onEnded }: SessionListProps) {
  const [ended, setEnded] = useState<readonly string[]>([]);
  const [lastEnded, setLastEnded] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const shown = inOrder(sessions.filter((each) => !ended.includes(each.handle)));

  const end = useCallback(
    (session: OwnSession): void => {
      focusNeighbour(list.current, session.handle);
      setEnded((before) => [...before, session.handle]);
      setLastEnded(deviceOf(session));
      onEnded();
    },
    [onEnded],
  );

  return (
    <>
      {/* With the number, since a live region announces a text only when it differs from the one before. */}
      <output className="visually-hidden">
        {lastEnded !== null && `The session on ${lastEnded} has ended. ${remaining(shown.length)}`}
      </output>
      <ul className="sessions" ref={list}>
        {shown.map((each, index) => (
          <SessionRow key={each.handle} session={each} position={`${index + 1} of ${shown.length}`} onEnded={end} />
        ))}
      </ul>
      <EndEverywhere count={shown.length} />
    </>
  );
}

const remaining = (count: number): string => (count === 1 ? "1 session remains." : `${count} sessions remain.`);

/** This browser first, then the one used last. */
function inOrder(sessions: readonly OwnSession[]): readonly OwnSession[] {
  const rank = ({ isCurrent, lastUsedAtMs }: OwnSession) => (isCurrent ? Infinity : (lastUsedAtMs ?? 0));
  return sessions.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)));
}

/** The row is about to go, and with it the button that was pressed. A focus that is elsewhere by now stays there. */
function focusNeighbour(list: HTMLElement | null, handle: string): void {
  const buttons = [...(list?.querySelectorAll<HTMLElement>("[data-session]") ?? [])];
  const at = buttons.findIndex((button) => button.dataset["session"] === handle);
  const pressed = buttons[at];
  if (pressed === undefined || document.activeElement !== pressed) return;
  const next = buttons[at + 1] ?? buttons[at - 1] ?? document.getElementById("sessions-heading");
  next?.focus();
}
