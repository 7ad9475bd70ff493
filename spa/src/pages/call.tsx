// Sends a request to the API through the gateway and shows request and response.
import type { Outcome } from "@cloakroom/client";
import { type SendContext, useRequest } from "@cloakroom/react";
import { useState } from "react";
import { Navigate, useLocation } from "react-router";
import { Page } from "../components/page.tsx";
import { RequireLoginOnce } from "../components/require-login.tsx";
import { isSending } from "../components/shown-failure.ts";
import { type ApiResponse, fetchApi } from "../server/api.ts";
import { hasDraftOfAnotherUser } from "../session/form-draft.ts";
import { useRepeatAfterLogin } from "../session/repeat-after-login.ts";
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
  const location = useLocation();
  return (
    <RequireLoginOnce heading={heading} purpose="It sends a message to the API and shows the response.">
      {(sub, isLoggedIn) =>
        hasDraftOfAnotherUser(location.search, sub) ? (
          <Navigate to={withoutCallDraft(location)} replace />
        ) : (
          <Call sub={sub} isLoggedIn={isLoggedIn} />
        )
      }
    </RequireLoginOnce>
  );
}

function Call({ sub, isLoggedIn }: { readonly sub: string; readonly isLoggedIn: boolean }) {
  const draft = useCallDraft(sub);
  const [sentPath, setSentPath] = useState<string | null>(null);
  const [history, setHistory] = useState<readonly HistoryEntry[]>([]);
  const path = resources[draft.resource].path(draft.message);
  const { state, run, retry, cancel } = useRequest<ApiResponse>();
  const shownPath = sentPath ?? path;

  async function call({ init }: SendContext): Promise<Outcome<ApiResponse>> {
    let startedAtMs = Date.now();
    function addToHistory(outcome: Outcome<ApiResponse>): void {
      const entry = createHistoryEntry(path, outcome, startedAtMs);
      setHistory((before) => [entry, ...before].slice(0, maxShownCalls));
    }
    const outcome = await fetchApi(path, {
      ...init,
      onAttempt: (attempt) => {
        startedAtMs = Date.now();
        init.onAttempt(attempt);
      },
      onRetry: (scheduled) => {
        addToHistory({ kind: "problem", problem: scheduled.problem });
        init.onRetry(scheduled);
      },
    });
    addToHistory(outcome);
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
      <CallForm draft={draft} isPending={isSending(state)} onSend={send} />
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
