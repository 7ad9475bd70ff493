// Start page: an introduction for anonymous users, links to the other pages for logged-in ones.
import type { Session } from "@cloakroom/client";
import { Link } from "react-router";
import { CoatRail } from "./home/coat-rail.tsx";
import { LoginLink } from "../components/login-link.tsx";
import { IsolatedText } from "../components/isolated-text.tsx";
import { Page } from "../components/page.tsx";
import { SessionTicket } from "../components/session-ticket.tsx";
import { paths } from "../paths.ts";
import { useSession } from "../session/session.ts";
import type { User } from "../session/user.ts";

export function Home() {
  const { status, user, session } = useSession();
  return status === "authenticated" ? (
    <Welcome user={user} session={session} />
  ) : (
    <Introduction isAnonymous={status === "anonymous"} />
  );
}

/** Without a login link while it is unknown whether a user is logged in. */
function Introduction({ isAnonymous }: { readonly isAnonymous: boolean }) {
  return (
    <Page heading="Your app keeps a ticket; the gateway keeps the coat." title="Cloakroom" className="introduction">
      <div className="introduction-text">
        <p className="lead">
          Cloakroom logs people in for a browser app and keeps their tokens on the server. Your browser gets one cookie
          that no script can read.
        </p>
        {isAnonymous && (
          <div className="actions">
            <LoginLink />
            <Link className="button" to={paths.underTheHood}>
              Look under the hood
            </Link>
          </div>
        )}
      </div>
      <CoatRail />
      <section className="steps" aria-labelledby="steps-heading">
        <h2 id="steps-heading">How it works</h2>
        <ol>
          <Step title="You hand it over">
            You log in at the login service. The gateway fetches the tokens from there; they never pass through this
            page.
          </Step>
          <Step title="You get a ticket">
            The browser holds a random number in an HttpOnly cookie. It is worth nothing anywhere else, and no script
            can read it.
          </Step>
          <Step title="The gateway fetches">
            With the cookie, the gateway calls the API and attaches the token. After a logout, it deletes the tokens for
            good.
          </Step>
        </ol>
      </section>
    </Page>
  );
}

function Step({ title, children }: { readonly title: string; readonly children: string }) {
  return (
    <li>
      <h3>{title}</h3>
      <p>{children}</p>
    </li>
  );
}

function Welcome({ user, session }: { readonly user: User; readonly session: Session }) {
  return (
    <Page
      heading={
        <>
          Welcome, <IsolatedText>{user.displayName}</IsolatedText>
        </>
      }
      title="Cloakroom"
      lead="You are logged in. This ticket stands for your session; the tokens stay at the gateway."
      className="welcome"
    >
      <SessionTicket user={user} session={session} />
      <nav className="page-links" aria-label="Where to go from here">
        <ul>
          <PageLink
            to={paths.call}
            title="Call the API"
            text="Send a message through the gateway and see what comes back."
          />
          <PageLink
            to={paths.profile}
            title="Profile"
            text="Who the gateway says you are, and how long your session lasts."
          />
          {user.roles.includes("admin") && (
            <PageLink
              to={paths.admin}
              title="Admin"
              text="Send a request that the API allows to administrators only."
            />
          )}
          <PageLink
            to={paths.underTheHood}
            title="Under the hood"
            text="Search this browser for tokens. There are none."
          />
        </ul>
      </nav>
    </Page>
  );
}

function PageLink({ to, title, text }: { readonly to: string; readonly title: string; readonly text: string }) {
  return (
    <li>
      <Link to={to}>
        <strong>{title}</strong>
        <span>{text}</span>
      </Link>
    </li>
  );
}
