// Where the person is logged in: every session of theirs, with a way to end one or all.
import { useCallback, useEffect } from "react";
import { FailurePanel } from "../../parts/failure-panel.tsx";
import { timeText } from "../../parts/times.ts";
import { Waiting } from "../../parts/waiting.tsx";
import { type OwnSession, endAllOwnSessions, endOwnSession, fetchOwnSessions } from "../../server/sessions.ts";
import { useLogout } from "../../session/use-logout.ts";
import { useServerCall } from "../../session/use-server-call.ts";

export function OwnSessions() {
  const { state, run } = useServerCall<readonly OwnSession[]>();
  const load = useCallback(() => run(fetchOwnSessions), [run]);
  useEffect(load, [load]);
  return (
    <section aria-labelledby="sessions-heading">
      <h2 id="sessions-heading">Where you are logged in</h2>
      {state.kind === "waiting" && <Waiting what="your sessions" />}
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
      {state.kind === "answered" && <SessionList sessions={state.value} onEnded={load} />}
    </section>
  );
}

interface SessionListProps {
  readonly sessions: readonly OwnSession[];
  readonly onEnded: () => void;
}

function SessionList({ sessions, onEnded }: SessionListProps) {
  const everywhere = useLogout(endAllOwnSessions);
  const isLeaving = everywhere.state.kind === "waiting";
  return (
    <>
      <ul className="sessions">
        {sessions.map((each) => (
          <SessionRow key={each.handle} session={each} onEnded={onEnded} />
        ))}
      </ul>
      <div className="actions">
        <button
          type="button"
          className="button"
          aria-disabled={isLeaving}
          onClick={() => {
            if (!isLeaving) void everywhere.logout();
          }}
        >
          {isLeaving ? "Logging out everywhere" : "Log out everywhere"}
        </button>
      </div>
      {everywhere.state.kind === "failed" && (
        <div role="alert">
          <p>You may still be logged in here and elsewhere.</p>
          <FailurePanel failure={everywhere.state.failure} />
        </div>
      )}
    </>
  );
}

function SessionRow({ session, onEnded }: { readonly session: OwnSession; readonly onEnded: () => void }) {
  const { state, run } = useServerCall<null>();
  const device = session.device ?? "An unknown browser";
  // Gone already, as somebody wished who asks for it.
  const isGone = state.kind === "failed" && state.failure.kind === "problem" && state.failure.problem.status === 404;
  const isOver = state.kind === "answered" || isGone;
  useEffect(() => {
    if (isOver) onEnded();
  }, [isOver, onEnded]);
  return (
    <li>
      <span className="session-device">
        {device} {session.isCurrent && <strong className="tag">This browser</strong>}
      </span>
      <span className="quiet">
        <Moment label="Logged in" atMs={session.createdAtMs} />
        <Moment label="Last used" atMs={session.lastUsedAtMs} />
      </span>
      {!session.isCurrent && (
        <button
          type="button"
          className="button"
          aria-label={`End the session: ${device}`}
          aria-disabled={state.kind === "waiting"}
          onClick={() => {
            if (state.kind !== "waiting") run((signal) => endOwnSession(session.handle, signal));
          }}
        >
          {state.kind === "waiting" ? "Ending" : "End"}
        </button>
      )}
      {state.kind === "failed" && !isGone && (
        <div role="alert" className="session-failure">
          <FailurePanel failure={state.failure} retryAtMs={state.retryAtMs} />
        </div>
      )}
    </li>
  );
}

function Moment({ label, atMs }: { readonly label: string; readonly atMs: number | null }) {
  if (atMs === null) return null;
  return (
    <span className="session-moment">
      {label} <time dateTime={new Date(atMs).toISOString()}>{timeText(atMs)}</time>
    </span>
  );
}
