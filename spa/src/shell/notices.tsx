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
  return (
    <div className="notices" aria-live="polite">
      {logout.state.kind === "failed" && <LogoutFailed failure={logout.state.failure} logout={logout} />}
      {state.trouble !== null && <TroubleNotice trouble={state.trouble} isChecking={state.isChecking} />}
      {state.isExpiring && state.who.kind === "user" && <ExpiringNotice session={state.who.session} />}
      {state.ended !== null && !pagesThatTellTheEnd.has(pathname) && (
        <EndNotice reason={state.ended} pathname={pathname} />
      )}
    </div>
  );
}

function TroubleNotice({ trouble, isChecking }: { readonly trouble: Trouble; readonly isChecking: boolean }) {
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
        {isOffline
          ? "There is no connection to Cloakroom. You are not logged out; this heals by itself."
          : "You are not logged out. The gateway keeps your session until it can be checked."}
      </p>
      <p className="quiet">
        {/* Outside the live region's interest: the seconds are for the eye. */}
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
