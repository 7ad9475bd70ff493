// Notices about the session on every page: failed logout, failed check, expiry warning, ended session.
import type { CheckError, EndReason } from "@cloakroom/client";
import { type SessionView, useIsChecking } from "@cloakroom/react";
import { useLocation } from "react-router";
import { Countdown } from "../components/countdown.tsx";
import { endReasonTexts } from "../components/end-reason-texts.ts";
import { LoginLink } from "../components/login-link.tsx";
import { Notice } from "../components/notice.tsx";
import { paths } from "../paths.ts";
import { sanitizeText } from "../server/sanitize-text.ts";
import { client } from "../session/session.ts";
import type { User } from "../session/user.ts";
import { ExpiringNotice } from "./expiring-notice.tsx";
import { LogoutFailed } from "./logout-failed.tsx";

/** These pages show the end reason in their own content. */
const pagesWithEndReason: ReadonlySet<string> = new Set([paths.profile, paths.admin, paths.loggedOut]);

export function Notices({ session }: { readonly session: SessionView<User> }) {
  const { pathname } = useLocation();
  const { status, error, endReason, logoutState: logout } = session;
  // A failed logout of all sessions is shown where it was started.
  const hasLogoutFailed = logout.kind === "failed" && !logout.everywhere;
  return (
    <div className="notices" aria-live="polite">
      {hasLogoutFailed && <LogoutFailed failure={logout.failure} />}
      {/* A failed logout and a failed check have the same cause: one notice is enough. */}
      {error !== null && !hasLogoutFailed && <CheckErrorNotice error={error} isAnonymous={status === "anonymous"} />}
      {session.isExpiring && status === "authenticated" && <ExpiringNotice session={session.session} />}
      {endReason !== null && !pagesWithEndReason.has(pathname) && (
        <EndNotice reason={endReason} pathname={pathname} hadUser={session.renderedSub !== null} />
      )}
    </div>
  );
}

interface CheckErrorNoticeProps {
  readonly error: CheckError;
  readonly isAnonymous: boolean;
}

function CheckErrorNotice({ error: { failure, retryAtMs }, isAnonymous }: CheckErrorNoticeProps) {
  const isChecking = useIsChecking();
  const isOffline = failure.kind === "offline";
  const requestId = failure.kind === "problem" ? failure.problem.requestId : null;
  return (
    <Notice
      tone="calm"
      title={isOffline ? unreachableTitle() : "We cannot check your session right now"}
      actions={
        <button type="button" className="button" onClick={() => void client.check()}>
          Try again
        </button>
      }
    >
      <p>
        {!isAnonymous && "An outage does not log you out. "}
        This page retries automatically.
      </p>
      <p className="quiet">
        {/* Hidden from screen readers, which would announce every second. */}
        <span aria-hidden="true">
          {isChecking ? (
            "Trying now."
          ) : (
            <>
              Trying again <Countdown untilMs={retryAtMs} />.
            </>
          )}
        </span>{" "}
        {requestId !== null && (
          <>
            Request id <code>{sanitizeText(requestId)}</code>
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
            <button type="button" className="button" onClick={client.dismissEndReason}>
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
