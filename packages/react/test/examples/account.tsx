// account.tsx
import { useSession } from "@cloakroom/react";

export function Account() {
  const { status, user, login, logout, logoutState, error } = useSession();
  switch (status) {
    case "loading":
      return <p>Loading…</p>;
    case "unavailable":
      return (
        <p>Your session cannot be checked right now. Next attempt: {new Date(error.retryAtMs).toLocaleTimeString()}</p>
      );
    case "anonymous":
      return (
        <button type="button" onClick={() => login()}>
          Log in
        </button>
      );
    case "authenticated":
      return (
        <>
          <p>Logged in as {user.name ?? user.sub}</p>
          <button type="button" disabled={logoutState.kind === "pending"} onClick={() => void logout()}>
            Log out
          </button>
          {logoutState.kind === "failed" && <p role="alert">You may still be logged in. Try again.</p>}
        </>
      );
  }
}
