// One session of the user and a button that ends it.
import type { SessionSummary } from "@cloakroom/client";
import { useRequest } from "@cloakroom/react";
import { useEffect } from "react";
import { FailurePanel } from "../../components/failure-panel.tsx";
import { formatDateTime } from "../../components/format-time.ts";
import { IsolatedText } from "../../components/isolated-text.tsx";
import { isSending, shownFailure } from "../../components/shown-failure.ts";
import { sanitizeText } from "../../server/sanitize-text.ts";

export const deviceName = ({ device }: SessionSummary): string =>
  device === null ? "an unknown browser" : sanitizeText(device);

interface SessionRowProps {
  readonly session: SessionSummary;
  /** For example "2 of 3": tells apart sessions that have the same device and times. */
  readonly position: string;
  readonly onEnded: (session: SessionSummary) => void;
}

export function SessionRow({ session, position, onEnded }: SessionRowProps) {
  const { state, run } = useRequest<null>();
  // 404: the session had already ended.
  const isMissing = state.kind === "failed" && state.failure.kind === "problem" && state.failure.problem.status === 404;
  const shown = isMissing ? null : shownFailure(state);
  const isEnding = isSending(state);
  const hasEnded = state.kind === "succeeded" || isMissing;
  useEffect(() => {
    if (hasEnded) onEnded(session);
  }, [hasEnded, onEnded, session]);
  return (
    <li>
      <span className="session-device">
        <IsolatedText>{capitalized(deviceName(session))}</IsolatedText>
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
          aria-label={`${isEnding ? "Ending" : "End"} session on ${deviceName(session)}${timesOf(session)}, ${position}`}
          aria-disabled={isEnding}
          onClick={() => {
            if (!isEnding) run(({ client, init }) => client.sessions.end(session.handle, init));
          }}
        >
          {isEnding ? "Ending…" : "End"}
        </button>
      )}
      {shown !== null && (
        <div role="alert" className="session-failure">
          <FailurePanel {...shown} />
        </div>
      )}
    </li>
  );
}

/** For the accessible name: tells apart sessions on the same kind of device. */
function timesOf({ lastUsedAtMs, createdAtMs }: SessionSummary): string {
  const used = lastUsedAtMs === null ? "" : `, last used ${formatDateTime(lastUsedAtMs)}`;
  return createdAtMs === null ? used : `${used}, logged in ${formatDateTime(createdAtMs)}`;
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function Moment({ label, atMs }: { readonly label: string; readonly atMs: number | null }) {
  if (atMs === null) return null;
  return (
    <span className="session-moment">
      {label} <time dateTime={new Date(atMs).toISOString()}>{formatDateTime(atMs)}</time>
    </span>
  );
}
