// Renders a page for logged-in users only; for others it offers a login. Not an access check: the gateway authorizes
// every request.
import type { ReactNode } from "react";
import type { User, Session } from "../server/user.ts";
import { useSession } from "../session/session.ts";
import type { EndReason } from "../session/session-state.ts";
import { endReasonTexts } from "./end-reason-texts.ts";
import { Loading } from "./loading.tsx";
import { LoginLink } from "./login-link.tsx";
import { Page } from "./page.tsx";

interface RequireLoginProps {
  readonly heading: string;
  /** One sentence: what the page shows after the login. */
  readonly purpose: string;
  readonly children: (user: User, session: Session) => ReactNode;
}

export function RequireLogin({ heading, purpose, children }: RequireLoginProps) {
  const { auth, endReason, checkError } = useSession();
  switch (auth.kind) {
    case "authenticated":
      return children(auth.user, auth.session);
    case "anonymous":
      return <LoginRequired heading={heading} purpose={purpose} endReason={endReason} />;
    case "unknown":
      return (
        <Page heading={heading} title={heading}>
          {checkError === null ? (
            <Loading what="your session" />
          ) : (
            <p className="lead">This page appears as soon as your session can be checked.</p>
          )}
        </Page>
      );
  }
}

interface LoginRequiredProps {
  readonly heading: string;
  readonly purpose: string;
  readonly endReason: EndReason | null;
}

function LoginRequired({ heading, purpose, endReason }: LoginRequiredProps) {
  const ended = endReason === null ? null : endReasonTexts[endReason];
  return (
    <Page
      heading={ended?.title ?? heading}
      title={ended?.title ?? `${heading} (login required)`}
      lead={`${ended?.meaning ?? "Log in to see this page."} ${purpose}`}
    >
      <div className="stub-row">
        <LoginLink label={ended === null ? "Log in" : "Log in again"} />
        <p className="quiet">You come back to this page afterwards.</p>
      </div>
    </Page>
  );
}
