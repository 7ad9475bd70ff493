// Draws a page only for somebody who is logged in. A courtesy to the eye: the guard is the gateway.
import type { ReactNode } from "react";
import type { User, Session } from "../server/user.ts";
import { useSession } from "../session/session.ts";
import { LoginToSee } from "./login-to-see.tsx";
import { Page } from "./page.tsx";
import { Waiting } from "./waiting.tsx";

interface NeedsLoginProps {
  readonly heading: string;
  /** One sentence: what the page would show. */
  readonly purpose: string;
  readonly children: (user: User, session: Session) => ReactNode;
}

export function NeedsLogin({ heading, purpose, children }: NeedsLoginProps) {
  const { who, ended, trouble } = useSession();
  switch (who.kind) {
    case "user":
      return children(who.user, who.session);
    case "nobody":
      return <LoginToSee heading={heading} purpose={purpose} ended={ended} />;
    case "unknown":
      return (
        <Page heading={heading} title={heading}>
          {trouble === null ? (
            <Waiting what="your session" />
          ) : (
            <p className="lead">This page appears as soon as your session can be checked.</p>
          )}
        </Page>
      );
  }
}
