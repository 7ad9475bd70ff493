// A logout that the gateway has not acknowledged. A user of a shared computer must not take it for a completed one.
import type { Failure } from "@cloakroom/client";
import { failureText } from "../components/failure-text.ts";
import { Notice } from "../components/notice.tsx";
import { sanitizeText } from "../server/sanitize-text.ts";
import { logOut } from "../session/log-out.ts";
import { client } from "../session/session.ts";

export function LogoutFailed({ failure }: { readonly failure: Failure }) {
  const problem = failure.kind === "problem" ? failure.problem : null;
  return (
    <Notice
      tone="grave"
      title={problem === null ? "You may still be logged in" : "You are NOT logged out"}
      actions={
        <>
          <button type="button" className="button button-main" onClick={() => void logOut({ everywhere: false })}>
            Try to log out again
          </button>
          <button type="button" className="button" onClick={client.dismissLogoutFailure}>
            Stay logged in
          </button>
        </>
      }
    >
      <p>
        {problem === null
          ? `The gateway did not confirm the logout: ${failureText(failure).title.toLowerCase()}.`
          : "The gateway could not end your session."}{" "}
        On a shared computer, stay until it is confirmed.
      </p>
      {problem !== null && (
        <p className="quiet">
          {problem.code !== null && <code>{sanitizeText(problem.code)}</code>}
          {problem.requestId !== null && (
            <>
              {" "}
              Request id <code>{sanitizeText(problem.requestId)}</code>
            </>
          )}
        </p>
      )}
    </Notice>
  );
}
