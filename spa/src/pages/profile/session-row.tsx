// One session in the list, and the button that ends it.
import { useEffect } from "react";
import { FailurePanel } from "../../parts/failure-panel.tsx";
import { Name } from "../../parts/name.tsx";
import { timeText } from "../../parts/times.ts";
import { type OwnSession, endOwnSession } from "../../server/sessions.ts";
import { useServerCall } from "../../session/use-server-call.ts";

export const deviceOf = ({ device }: OwnSession): string => device ?? "an unknown browser";

interface SessionRowProps {
  readonly session: OwnSession;
  /** Such as "2 of 3": sessions of one kind of device and one minute have nothing else that differs. */
  readonly position: string;
  readonly onEnded: (session: OwnSession) => void;
}

export function SessionRow({ session, position, onEnded }: SessionRowProps) {
  const { state, run } = useServerCall<null>();
  // Gone already: what was asked for.
  const isGone = state.kind === "failed" && state.failure.kind === "problem" && state.failure.problem.status === 404;
  const isOver = state.kind === "answered" || isGone;
  useEffect(() => {
    if (isOver) onEnded(session);
  }, [isOver, onEnded, session]);
  return (
    <li>
      <span className="session-device">
        <Name>{capitalized(deviceOf(session))}</Name>
        {session.isCurrent && <strong className="tag">This browser</strong>}
      </span>
      <span className="quiet">
        <Moment label="Logged in" atMs={session.createdAtMs} />
        <Moment label="Last used" atMs={session.lastUsedAtMs} />
      </span>
      {!session.isCurrent && (
        <button
          type="button"
          className="button"
          data-session={session.handle}
          aria-label={`${state.kind === "waiting" ? "Ending" : "End"} session on ${deviceOf(session)}${momentsOf(session)}, ${position}`}
          aria-disabled={state.kind === "waiting"}
          onClick={() => {
            if (state.kind !== "waiting") run((signal) => endOwnSession(session.handle, signal));
          }}
        >
          {state.kind === "waiting" ? "Ending…" : "End"}
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

/** What tells two sessions on the same kind of device apart. */
function momentsOf({ lastUsedAtMs, createdAtMs }: OwnSession): string {
  const used = lastUsedAtMs === null ? "" : `, last used ${timeText(lastUsedAtMs)}`;
  return createdAtMs === null ? used : `${used}, logged in ${timeText(createdAtMs)}`;
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function Moment({ label, atMs }: { readonly label: string; readonly atMs: number | null }) {
  if (atMs === null) return null;
  return (
    <span className="session-moment">
      {label} <time dateTime={new Date(atMs).toISOString()}>{timeText(atMs)}</time>
    </span>
  );
}
