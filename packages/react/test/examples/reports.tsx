// reports.tsx
import { RequireSession } from "@cloakroom/react";

export function Reports() {
  return (
    <RequireSession fallback={<p>Loading…</p>} acrValues="2" maxAge={900}>
      {({ user, expiresAt }) => (
        <>
          <h1>Reports of {user.name}</h1>
          {expiresAt !== null && <p>Your session ends at {expiresAt.toLocaleTimeString()}.</p>}
        </>
      )}
    </RequireSession>
  );
}
