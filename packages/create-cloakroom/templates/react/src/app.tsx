import { useSession } from "@cloakroom/react";

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** The page for each status of the session. */
export function App() {
  const { status } = useSession();
  switch (status) {
    case "loading":
      return <p role="status">Loading …</p>;
    case "unavailable":
      return <Outage />;
    case "anonymous":
      return <Welcome />;
    case "authenticated":
      return <Profile />;
  }
}

/** An outage ends no session: the page stays. */
function Outage() {
  const { error } = useSession();
  if (error === null) return null;
  return (
    <p role="status" className="warning">
      Your session cannot be checked right now. Trying again …
    </p>
  );
}

function Welcome() {
  const { endReason, login } = useSession();
  return (
    <>
      <h1>{{name}}</h1>
      {endReason !== null && (
        <p role="status" className="warning">
          Your session has ended. Please log in again.
        </p>
      )}
      <p>You are not logged in.</p>
      <Outage />
      {/* The button of the ended session had the focus, which would otherwise be lost. */}
      <button type="button" autoFocus={endReason !== null} onClick={() => login()}>
        Log in
      </button>
    </>
  );
}

function Profile() {
  const session = useSession();
  if (session.status !== "authenticated") return null;
  const { user, expiresAt, logout, logoutState } = session;
  const roles = user.roles ?? [];
  return (
    <>
      <h1>Hello, {user.name ?? user.preferred_username ?? user.sub}</h1>
      <p>
        This browser holds a session cookie that scripts cannot read. The gateway holds the tokens. Edit{" "}
        <code>src/app.tsx</code> and stay logged in.
      </p>
      <dl>
        <dt>User id</dt>
        <dd>{user.sub}</dd>
        {user.email !== undefined && (
          <>
            <dt>Email</dt>
            <dd>{user.email}</dd>
          </>
        )}
        {roles.length > 0 && (
          <>
            <dt>Roles</dt>
            <dd>{roles.join(", ")}</dd>
          </>
        )}
        {expiresAt !== null && (
          <>
            <dt>Session ends</dt>
            <dd>{timeFormat.format(expiresAt)}, unless you use it</dd>
          </>
        )}
      </dl>
      <Outage />
      {logoutState.kind === "failed" && (
        <p role="alert" className="warning">
          You may still be logged in: the gateway did not confirm the logout. Please try again.
        </p>
      )}
      <button type="button" disabled={logoutState.kind === "pending"} onClick={() => void logout()}>
        Log out
      </button>
    </>
  );
}
