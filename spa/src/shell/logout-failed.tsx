// A logout that was not acknowledged. Somebody on a shared computer must not walk away believing it was.
import { failureText } from "../parts/failure-text.ts";
import { Notice } from "../parts/notice.tsx";
import type { Failure } from "../server/request.ts";
import type { Logout } from "../session/use-logout.ts";

export function LogoutFailed({ failure, logout }: { readonly failure: Failure; readonly logout: Logout }) {
  const problem = failure.kind === "problem" ? failure.problem : null;
  return (
    <Notice
      tone="grave"
      title="You are NOT logged out"
      actions={
        <>
          <button type="button" className="button button-main" onClick={() => void logout.logout()}>
            Try to log out again
          </button>
          <button type="button" className="button" onClick={logout.dismiss}>
            Stay logged in
          </button>
        </>
      }
    >
      <p>
        {problem === null
          ? `The gateway did not confirm it: ${failureText(failure).title.toLowerCase()}. Do not leave this browser to somebody else yet.`
          : "The gateway could not end your session. Do not leave this browser to somebody else yet."}
      </p>
      {problem !== null && (
        <p className="quiet">
          {problem.code !== null && <code>{problem.code}</code>}
          {problem.requestId !== null && (
            <>
              {" "}
              Request id <code>{problem.requestId}</code>
            </>
          )}
        </p>
      )}
    </Notice>
  );
}
