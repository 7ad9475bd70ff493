// Renders a page for logged-in users only; for others it offers a login, which the user starts (ASVS 7.6.2).
import type { EndReason, Session } from "@cloakroom/client";
import { RequireSession } from "@cloakroom/react";
import type { ReactNode } from "react";
import type { User } from "../session/user.ts";
import { endReasonTexts } from "./end-reason-texts.ts";
import { Loading } from "./loading.tsx";
import { LoginLink } from "./login-link.tsx";
import { Page } from "./page.tsx";

interface PageTexts {
  readonly heading: string;
  /** One sentence: what the page shows after the login. */
  readonly purpose: string;
}

interface RequireLoginProps extends PageTexts {
  readonly children: (user: User, session: Session) => ReactNode;
}

export function RequireLogin({ children, ...texts }: RequireLoginProps) {
  return (
    <RequireSession<User> {...withoutSession(texts)}>{({ user, session }) => children(user, session)}</RequireSession>
  );
}

interface RequireLoginOnceProps extends PageTexts {
  readonly children: (sub: string, isLoggedIn: boolean) => ReactNode;
}

/** Keeps the page, and the form in it, when the session ends. */
export function RequireLoginOnce({ children, ...texts }: RequireLoginOnceProps) {
  return (
    <RequireSession<User> keepWhenEnded {...withoutSession(texts)}>
      {({ status, renderedSub }) => renderedSub !== null && children(renderedSub, status === "authenticated")}
    </RequireSession>
  );
}

/** What `RequireSession` renders without a session. */
function withoutSession({ heading, purpose }: PageTexts) {
  return {
    fallback: (
      <Page heading={heading} title={heading}>
        <Loading what="your session" />
      </Page>
    ),
    unavailable: (
      <Page heading={heading} title={heading}>
        <p className="lead">This page appears as soon as your session can be checked.</p>
      </Page>
    ),
    anonymous: ({ endReason }: { readonly endReason: EndReason | null }) => (
      <LoginRequired heading={heading} purpose={purpose} endReason={endReason} />
    ),
  };
}

interface LoginRequiredProps extends PageTexts {
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
