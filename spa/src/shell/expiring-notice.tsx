// Warns that the session is about to expire and offers to extend it. It is extended only when the user asks for it.
import type { Session } from "@cloakroom/client";
import { useRequest } from "@cloakroom/react";
import { Countdown } from "../components/countdown.tsx";
import { failureText } from "../components/failure-text.ts";
import { LoginLink } from "../components/login-link.tsx";
import { Notice } from "../components/notice.tsx";
import { isSending, shownFailure } from "../components/shown-failure.ts";
import { api } from "../paths.ts";
import { type ApiResponse, fetchApi } from "../server/api.ts";

/** Limits that differ by less count as equal: the gateway caps the idle limit at the absolute one. */
const sameLimitMs = 2_000;

export function ExpiringNotice({ session }: { readonly session: Session }) {
  const { idleExpiresAtMs, expiresAtMs } = session;
  const endsAtMs = idleExpiresAtMs ?? expiresAtMs;
  if (endsAtMs === null) return null;
  const isAbsoluteLimit = expiresAtMs !== null && expiresAtMs - endsAtMs < sameLimitMs;
  return (
    <Notice
      tone="calm"
      title="Your session is about to end"
      actions={isAbsoluteLimit ? <LoginLink label="Log in again" /> : <StayLoggedIn />}
    >
      <p>
        {isAbsoluteLimit
          ? "It has reached its maximum age. A new login starts a new session and returns to this page."
          : "It was not used for a while. Any call to the API extends it."}
      </p>
      <p className="quiet" aria-hidden="true">
        It ends <Countdown untilMs={endsAtMs} />.
      </p>
    </Notice>
  );
}

/** Extends the session by an API request; the gateway then sends `session-extended`. */
function StayLoggedIn() {
  const { state, run } = useRequest<ApiResponse>();
  const shown = shownFailure(state);
  return (
    <>
      <button
        type="button"
        className="button button-main"
        aria-disabled={isSending(state)}
        onClick={() => {
          if (!isSending(state)) run(({ init }) => fetchApi(api.echo, init));
        }}
      >
        Stay logged in
      </button>
      {shown !== null && <p>{failureText(shown.failure).title}. You can try again.</p>}
    </>
  );
}
