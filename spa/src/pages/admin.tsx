// For administrators. Others are not kept out here but by the API, whose refusal this page shows and explains.
import { useEffect } from "react";
import { CallStatus } from "../parts/call-status.tsx";
import { FailurePanel } from "../parts/failure-panel.tsx";
import { NeedsLogin } from "../parts/needs-login.tsx";
import { Json } from "../parts/json.tsx";
import { Name } from "../parts/name.tsx";
import { Page } from "../parts/page.tsx";
import { Waiting } from "../parts/waiting.tsx";
import { api } from "../paths.ts";
import { type ApiAnswer, getApi } from "../server/api.ts";
import type { User } from "../server/user.ts";
import { useServerCall } from "../session/use-server-call.ts";

export function Admin() {
  return (
    <NeedsLogin heading="Admin" purpose="It is for administrators.">
      {(user) => <AdminFor user={user} />}
    </NeedsLogin>
  );
}

function AdminFor({ user }: { readonly user: User }) {
  const isAdmin = user.roles.includes("admin");
  const { state, run, again, cancel } = useServerCall<ApiAnswer>();
  useEffect(() => run((signal) => getApi(api.admin, signal)), [run]);
  return (
    <Page
      heading="Admin"
      title="Admin"
      lead={
        isAdmin
          ? "What only administrators may ask the API."
          : "This page is for administrators, and your account is not one."
      }
    >
      {!isAdmin && <NotAnAdmin user={user} />}
      <section className="panel" aria-labelledby="admin-answer">
        <h2 id="admin-answer">
          The API’s response to <code>GET {api.admin}</code>
        </h2>
        <CallStatus state={state} />
        {state.kind === "waiting" && <Waiting what="the API" onCancel={cancel} />}
        {state.kind === "answered" && (
          <>
            <p className="quiet">Answered with {state.value.status}.</p>
            <Json value={state.value.body} />
          </>
        )}
        {state.kind === "failed" && <FailurePanel failure={state.failure} retryAtMs={state.retryAtMs} />}
        {state.kind === "cancelled" && <p>Cancelled.</p>}
        {state.kind !== "waiting" && (
          <div className="actions">
            <button type="button" className="button" onClick={again}>
              Ask again
            </button>
          </div>
        )}
      </section>
    </Page>
  );
}

function NotAnAdmin({ user }: { readonly user: User }) {
  const count = user.roles.length;
  const roles =
    count === 0
      ? "no roles"
      : count > 5
        ? `${count} roles`
        : `the ${count === 1 ? "role" : "roles"} ${user.roles.join(", ")}`;
  return (
    <div className="callout">
      <p>
        You are logged in as{" "}
        <strong>
          <Name>{user.displayName}</Name>
        </strong>{" "}
        with {roles}; this page needs the role <strong>admin</strong>. Nothing is wrong with your session. If you should
        have access, ask an administrator for the role, then log out and in again.
      </p>
      <p className="quiet">The refusal below comes from the API itself. Hiding the link protects nothing.</p>
    </div>
  );
}
