// The session is about to end: why, when, and how to go on. Nothing is extended unless the person wants it.
import { Countdown } from "../parts/countdown.tsx";
import { failureText } from "../parts/failure-text.ts";
import { LoginLink } from "../parts/login-link.tsx";
import { Notice } from "../parts/notice.tsx";
import { api } from "../paths.ts";
import { type ApiAnswer, getApi } from "../server/api.ts";
import type { Session } from "../server/user.ts";
import { useServerCall } from "../session/use-server-call.ts";

/** Both ends are read a moment apart: closer than this they are the same one. */
const sameEndMs = 2_000;

export function ExpiringNotice({ session }: { readonly session: Session }) {
  const { idleExpiresAtMs, expiresAtMs } = session;
  const endMs = idleExpiresAtMs ?? expiresAtMs;
  if (endMs === null) return null;
  const isFinal = expiresAtMs !== null && expiresAtMs - endMs < sameEndMs;
  return (
    <Notice
      tone="calm"
      title="Your session is about to end"
      actions={isFinal ? <LoginLink label="Log in again" /> : <StayLoggedIn />}
    >
      <p>
        {isFinal
          ? "It has reached its maximum age. A new login starts a new one and leads back to this page."
          : "It was not used for a while. Any call to the API keeps it."}
      </p>
      <p className="quiet" aria-hidden="true">
        It ends <Countdown untilMs={endMs} />.
      </p>
    </Notice>
  );
}

/** Using the session is what keeps it; the gateway then tells every tab that the end has moved. */
function StayLoggedIn() {
  const { state, run } = useServerCall<ApiAnswer>();
  return (
    <>
      <button
        type="button"
        className="button button-main"
        aria-disabled={state.kind === "waiting"}
        onClick={() => {
          if (state.kind !== "waiting") run((signal) => getApi(api.echo, signal));
        }}
      >
        Stay logged in
      </button>
      {state.kind === "failed" && <p>{failureText(state.failure).title}. You can try again.</p>}
    </>
  );
}
