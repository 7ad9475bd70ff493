// Admin page. The API authorizes the request; this page shows and explains its 403 to other users.
import { useRequest } from "@cloakroom/react";
import { useEffect } from "react";
import { FailurePanel } from "../components/failure-panel.tsx";
import { Json } from "../components/json.tsx";
import { IsolatedText } from "../components/isolated-text.tsx";
import { Page } from "../components/page.tsx";
import { RequestStatus } from "../components/request-status.tsx";
import { RequireLogin } from "../components/require-login.tsx";
import { isSending, shownFailure } from "../components/shown-failure.ts";
import { Loading } from "../components/loading.tsx";
import { api } from "../paths.ts";
import { type ApiResponse, fetchApi } from "../server/api.ts";
import type { User } from "../session/user.ts";

export function Admin() {
  return (
    <RequireLogin heading="Admin" purpose="It is for administrators.">
      {(user) => <AdminContent user={user} />}
    </RequireLogin>
  );
}

function AdminContent({ user }: { readonly user: User }) {
  const isAdmin = user.roles.includes("admin");
  const { state, run, retry, cancel } = useRequest<ApiResponse>();
  const shown = shownFailure(state);
  useEffect(() => run(({ init }) => fetchApi(api.admin, init)), [run]);
  return (
    <Page
      heading="Admin"
      title="Admin"
      lead={
        isAdmin
          ? "The API sends this response to administrators only."
          : "This page is for administrators, and your account is not one."
      }
    >
      {!isAdmin && <NotAnAdmin user={user} />}
      <section className="panel" aria-labelledby="admin-response">
        <h2 id="admin-response">
          The API’s response to <code>GET {api.admin}</code>
        </h2>
        <RequestStatus state={state} />
        {isSending(state) && <Loading what="the API" onCancel={cancel} />}
        {state.kind === "succeeded" && (
          <>
            <p className="quiet">Status {state.value.status}.</p>
            <Json value={state.value.body} />
          </>
        )}
        {shown !== null && <FailurePanel {...shown} />}
        {state.kind === "cancelled" && <p>Cancelled.</p>}
        {!isSending(state) && (
          <div className="actions">
            <button type="button" className="button" onClick={retry}>
              Send again
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
          <IsolatedText>{user.displayName}</IsolatedText>
        </strong>{" "}
        with {roles}; this page needs the role <strong>admin</strong>. Nothing is wrong with your session. If you should
        have access, ask an administrator for the role, then log out and in again.
      </p>
      <p className="quiet">The API itself sent the error below. Hiding the link in this app would protect nothing.</p>
    </div>
  );
}
