// The user's claims, the session's limits, and the user's other sessions.
import type { Session } from "@cloakroom/client";
import { useEffect } from "react";
import { ClaimValue } from "./profile/claim-value.tsx";
import { Countdown } from "../components/countdown.tsx";
import { IsolatedText } from "../components/isolated-text.tsx";
import { Page } from "../components/page.tsx";
import { RequireLogin } from "../components/require-login.tsx";
import { SessionTicket } from "../components/session-ticket.tsx";
import { formatDateTime } from "../components/format-time.ts";
import { sanitizeText } from "../server/sanitize-text.ts";
import { client } from "../session/session.ts";
import type { User } from "../session/user.ts";
import { SessionList } from "./profile/session-list.tsx";

export function Profile() {
  // API requests extend the idle limit, so the limits shown are refreshed when the page opens.
  useEffect(() => void client.check(), []);
  return (
    <RequireLogin heading="Profile" purpose="It shows what the gateway knows about you and your session.">
      {(user, session) => (
        <Page
          heading="Profile"
          title="Profile"
          lead="What the gateway tells this app about you. No token is part of it."
          className="profile"
        >
          <SessionTicket user={user} session={session} />
          <Limits session={session} />
          <SessionList />
          <Claims user={user} />
        </Page>
      )}
    </RequireLogin>
  );
}

function Limits({ session }: { readonly session: Session }) {
  return (
    <section aria-labelledby="session-heading">
      <h2 id="session-heading">Session</h2>
      <dl className="facts">
        <Moment label="Logged in" atMs={session.createdAtMs} />
        <Moment label="Ends when unused" atMs={session.idleExpiresAtMs} isLimit />
        <Moment label="Ends in any case" atMs={session.expiresAtMs} isLimit />
        <Moment label="Last login check" atMs={session.authTimeMs} />
        {session.acr !== null && (
          <div>
            <dt>Login level</dt>
            <dd>
              <IsolatedText>{sanitizeText(session.acr)}</IsolatedText>
              <span className="quiet">As the login service reports it. A one-time code raises it.</span>
            </dd>
          </div>
        )}
        <div>
          <dt>Session number</dt>
          <dd>
            <code>{session.handle}</code>
            <span className="quiet">For support. It gives access to nothing.</span>
          </dd>
        </div>
      </dl>
      {session.accountUrl !== null && (
        <p>
          <a href={session.accountUrl}>Manage your account</a>
          <span className="quiet">Password, one-time codes and devices, at the login service.</span>
        </p>
      )}
    </section>
  );
}

interface MomentProps {
  readonly label: string;
  readonly atMs: number | null;
  readonly isLimit?: boolean;
}

function Moment({ label, atMs, isLimit = false }: MomentProps) {
  if (atMs === null) return null;
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {isLimit && (
          <strong className="limit">
            <Countdown untilMs={atMs} />
          </strong>
        )}
        <time className={isLimit ? "quiet" : ""} dateTime={new Date(atMs).toISOString()}>
          {formatDateTime(atMs)}
        </time>
      </dd>
    </div>
  );
}

function Claims({ user }: { readonly user: User }) {
  return (
    <section aria-labelledby="claims-heading">
      <div className="section-head">
        <h2 id="claims-heading">Claims</h2>
        <p className="quiet">What the login service says about you.</p>
      </div>
      <table className="claims" aria-labelledby="claims-heading">
        <thead>
          <tr>
            <th scope="col">Claim</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(user.claims).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>
                <ClaimValue value={value} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
