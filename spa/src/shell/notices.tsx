// What concerns every page: a logout that failed, a session that cannot be checked, that is about to end, that is over.
import { useLocation } from "react-router";
import { Countdown } from "../parts/countdown.tsx";
import { endTexts } from "../parts/end-texts.ts";
import { LoginLink } from "../parts/login-link.tsx";
import { Notice } from "../parts/notice.tsx";
import { paths } from "../paths.ts";
import type { EndReason, SessionState, Trouble } from "../session/session-state.ts";
import { session } from "../session/session.ts";
import type { Logout } from "../session/use-logout.ts";
import { ExpiringNotice } from "./expiring-notice.tsx";
import { LogoutFailed } from "./logout-failed.tsx";

/** These say it themselves, in place of what they would have shown. */
const pagesThatTellTheEnd: ReadonlySet<string> = new Set([paths.profile, paths.admin, paths.loggedOut]);

interface NoticesProps {
  readonly state: SessionState;
  readonly logout: Logout;
}

export function Notices({ state, logout }: NoticesProps) {
  const { pathname } = useLocation();
  // The check after it may have found that the session is gone all the same.
  const hasLogoutFailed = logout.state.kind === "failed" && state.who.kind !== "nobody";
  return (
    <div className="notices" aria-live="polite">
      {hasLogoutFailed && <LogoutFailed failure={logout.state.failure} logout={logout} />}
      {/* One message about the same outage: the failed logout already says what it means. */}
      {state.trouble !== null && !hasLogoutFailed && <TroubleNotice trouble={state.trouble} state={state} />}
      {state.isExpiring && state.who.kind === "user" && <ExpiringNotice session={state.who.session} />}
      {state.ended !== null && !pagesThatTellTheEnd.has(pathname) && (
        <EndNotice reason={state.ended} pathname={pathname} />
      )}
    </div>
  );
}

interface TroubleNoticeProps {
  readonly trouble: Trouble;
  readonly state: SessionState;
}

function TroubleNotice({ trouble, state: { who, isChecking } }: TroubleNoticeProps) {
  const isOffline = trouble.kind === "offline";
  const requestId = trouble.problem?.requestId ?? null;
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
        {isOffline ? "There is no connection to Cloakroom. " : ""}
        {who.kind !== "nobody" && "An outage does not log you out. "}
        This page tries again by itself.
      </p>
      <p className="quiet">
        {/* Not announced: the seconds are for the eye. */}
        <span aria-hidden="true">
          {isChecking ? (
            "Trying now."
          ) : (
            <>
              Trying again <Countdown untilMs={trouble.retryAtMs} />.
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

/** A browser with a network knows that it is not the one to blame. */
function unreachableTitle(): string {
  return navigator.onLine ? "Cloakroom cannot be reached" : "You are offline";
}

function EndNotice({ reason, pathname }: { readonly reason: EndReason; readonly pathname: string }) {
  const keepsText = pathname === paths.call;
  return (
    <Notice
      tone="calm"
      title={endTexts[reason].title}
      actions={
        <>
          {pathname !== paths.home && <LoginLink label="Log in again" />}
          {!keepsText && (
            <button type="button" className="button" onClick={session.dismissEnd}>
              Close
            </button>
          )}
        </>
      }
    >
      <p>
        {endTexts[reason].meaning}
        {keepsText && " What you typed is kept: it will be here when you come back."}
      </p>
    </Notice>
  );
}
