// Notices about the session on every page: failed logout, failed check, expiry warning, ended session.
import { useLocation } from "react-router";
import { Countdown } from "../components/countdown.tsx";
import { endReasonTexts } from "../components/end-reason-texts.ts";
import { LoginLink } from "../components/login-link.tsx";
import { Notice } from "../components/notice.tsx";
import { paths } from "../paths.ts";
import type { CheckError, EndReason, SessionState } from "../session/session-state.ts";
import { session } from "../session/session.ts";
import type { Logout } from "../session/use-logout.ts";
import { ExpiringNotice } from "./expiring-notice.tsx";
import { LogoutFailed } from "./logout-failed.tsx";

/** These pages show the end reason in their own content. */
const pagesWithEndReason: ReadonlySet<string> = new Set([paths.profile, paths.admin, paths.loggedOut]);

interface NoticesProps {
  readonly state: SessionState;
  readonly logout: Logout;
}

export function Notices({ state, logout }: NoticesProps) {
  const { pathname } = useLocation();
  // The check after a failed logout may have shown that the session has ended.
  const hasLogoutFailed = logout.state.kind === "failed" && state.auth.kind !== "anonymous";
  return (
    <div className="notices" aria-live="polite">
      {hasLogoutFailed && <LogoutFailed failure={logout.state.failure} logout={logout} />}
      {/* A failed logout and a failed check have the same cause: one notice is enough. */}
      {state.checkError !== null && !hasLogoutFailed && <CheckErrorNotice error={state.checkError} state={state} />}
      {state.isExpiring && state.auth.kind === "authenticated" && <ExpiringNotice session={state.auth.session} />}
      {state.endReason !== null && !pagesWithEndReason.has(pathname) && (
        <EndNotice reason={state.endReason} pathname={pathname} hadUser={state.renderedSub !== null} />
      )}
    </div>
  );
}

interface CheckErrorNoticeProps {
  readonly error: CheckError;
  readonly state: SessionState;
}

function CheckErrorNotice({ error, state: { auth, isChecking } }: CheckErrorNoticeProps) {
  const isOffline = error.kind === "offline";
  const requestId = error.problem?.requestId ?? null;
  return (
    <Notice
      tone="calm"
      title={isOffline ? unreachableTitle() : "We cannot check your session right now"}
      actions={
        <button type="button" className="button" onClick={() => void session.check()}>
          Try again
        </button>
      }
    >
      <p>
        {auth.kind !== "anonymous" && "An outage does not log you out. "}
        This page retries automatically.
      </p>
      <p className="quiet">
        {/* Hidden from screen readers, which would announce every second. */}
        <span aria-hidden="true">
          {isChecking ? (
            "Trying now."
          ) : (
            <>
              Trying again <Countdown untilMs={error.retryAtMs} />.
            </>
          )}
        </span>{" "}
        {requestId !== null && (
          <>
            Request id <code>{requestId}</code>
          </>
        )}
      </p>
    </Notice>
  );
}

/** `onLine` is false only without any network; with one, the gateway is the likely cause. */
function unreachableTitle(): string {
  return navigator.onLine ? "Cloakroom cannot be reached" : "You are offline";
}

interface EndNoticeProps {
  readonly reason: EndReason;
  readonly pathname: string;
  /** The page was rendered for a user: only then does the call page still show its form. */
  readonly hadUser: boolean;
}

function EndNotice({ reason, pathname, hadUser }: EndNoticeProps) {
  const keepsDraft = hadUser && pathname === paths.call;
  return (
    <Notice
      tone="calm"
      title={endReasonTexts[reason].title}
      actions={
        <>
          {pathname !== paths.home && <LoginLink label="Log in again" />}
          {!keepsDraft && (
            <button type="button" className="button" onClick={session.dismissEndReason}>
              Close
            </button>
          )}
        </>
      }
    >
      <p>
        {endReasonTexts[reason].meaning}
        {keepsDraft && " What you typed is kept: it will be here when you return."}
      </p>
    </Notice>
  );
}
