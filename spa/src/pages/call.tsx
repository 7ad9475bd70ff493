// Sends a request to the API through the gateway and shows request and response.
import { useState } from "react";
import { Navigate, useLocation } from "react-router";
import { Page } from "../components/page.tsx";
import { RequireLogin } from "../components/require-login.tsx";
import { type ApiResponse, fetchApi } from "../server/api.ts";
import type { Outcome } from "../server/request.ts";
import { hasDraftOfAnotherUser } from "../session/form-draft.ts";
import { useRepeatAfterLogin } from "../session/repeat-after-login.ts";
import { useSession } from "../session/session.ts";
import { useRequest } from "../session/use-request.ts";
import { CallForm } from "./call/call-form.tsx";
import { CallHistory, type HistoryEntry, createHistoryEntry } from "./call/call-history.tsx";
import { LiveConnection } from "./call/live-connection.tsx";
import { LiveEvents } from "./call/live-events.tsx";
import { RequestPanel } from "./call/request-panel.tsx";
import { ResponsePanel } from "./call/response-panel.tsx";
import { resources } from "./call/resources.ts";
import { useCallDraft, withoutCallDraft } from "./call/use-call-draft.ts";

const heading = "Call the API";
const maxShownCalls = 5;

export function CallTheApi() {
  const { auth, endReason, renderedSub } = useSession();
  const location = useLocation();
  const isLoggedIn = auth.kind === "authenticated";
  // The form stays when the session ends, so that the draft is not lost.
  if (renderedSub !== null && (isLoggedIn || endReason !== null)) {
    if (hasDraftOfAnotherUser(location.search, renderedSub))
      return <Navigate to={withoutCallDraft(location)} replace />;
    return <Call sub={renderedSub} isLoggedIn={isLoggedIn} />;
  }
  return (
    <RequireLogin heading={heading} purpose="It sends a message to the API and shows the response.">
      {() => null}
    </RequireLogin>
  );
}

function Call({ sub, isLoggedIn }: { readonly sub: string; readonly isLoggedIn: boolean }) {
  const draft = useCallDraft(sub);
  const [sentPath, setSentPath] = useState<string | null>(null);
  const [history, setHistory] = useState<readonly HistoryEntry[]>([]);
  const path = resources[draft.resource].path(draft.message);
  const { state, run, retry, cancel } = useRequest<ApiResponse>();
  const shownPath = sentPath ?? path;

  async function call(signal: AbortSignal): Promise<Outcome<ApiResponse>> {
    const startedAtMs = Date.now();
    const outcome = await fetchApi(path, signal);
    const entry = createHistoryEntry(path, outcome, startedAtMs);
    setHistory((before) => [entry, ...before].slice(0, maxShownCalls));
    return outcome;
  }
  function send(): void {
    setSentPath(path);
    run(call);
  }

  useRepeatAfterLogin(send);

  return (
    <Page
      heading={heading}
      title={heading}
      lead="This page sends a plain request. The gateway adds the token on the way."
      className="call"
    >
      <CallForm draft={draft} isPending={state.kind === "pending"} onSend={send} />
      <div className="exchange">
        <RequestPanel path={shownPath} isSent={sentPath !== null} />
        <p className="hop">The gateway checks the cookie, attaches the token and calls the API.</p>
        <ResponsePanel state={state} hidesResponse={!isLoggedIn} onRetry={retry} onCancel={cancel} />
      </div>
      {isLoggedIn && <CallHistory entries={history} />}
      {isLoggedIn && (
        <div className="live">
          <LiveEvents />
          <LiveConnection />
        </div>
      )}
    </Page>
  );
}
