// Calls the protected API through the gateway and shows both sides of the call.
import { useState } from "react";
import { LoginToSee } from "../parts/login-to-see.tsx";
import { NeedsLogin } from "../parts/needs-login.tsx";
import { Page } from "../parts/page.tsx";
import { type ApiAnswer, getApi } from "../server/api.ts";
import type { Outcome } from "../server/request.ts";
import { useSession } from "../session/session.ts";
import { useRepeatAfterLogin } from "../session/use-repeat-after-login.ts";
import { useServerCall } from "../session/use-server-call.ts";
import { CallForm } from "./call/call-form.tsx";
import { CallHistory, type HistoryEntry, historyEntryOf } from "./call/call-history.tsx";
import { LiveConnection } from "./call/live-connection.tsx";
import { LiveEvents } from "./call/live-events.tsx";
import { RequestPanel } from "./call/request-panel.tsx";
import { ResponsePanel } from "./call/response-panel.tsx";
import { resources } from "./call/resources.ts";
import { useTypedCall } from "./call/use-typed-call.ts";

const heading = "Call the API";
const shownCalls = 5;

export function CallTheApi() {
  const { who, ended } = useSession();
  // A session that ended in the middle of work must not take the typed text away: the form stays.
  if (who.kind === "user" || ended !== null) return <Desk isLoggedIn={who.kind === "user"} />;
  return (
    <NeedsLogin heading={heading} purpose="It sends a message to the API and shows what comes back.">
      {() => <LoginToSee heading={heading} purpose="" ended={null} />}
    </NeedsLogin>
  );
}

function Desk({ isLoggedIn }: { readonly isLoggedIn: boolean }) {
  const typed = useTypedCall();
  const [sentPath, setSentPath] = useState<string | null>(null);
  const [history, setHistory] = useState<readonly HistoryEntry[]>([]);
  const path = resources[typed.resource].path(typed.message);
  const { state, run, again, cancel } = useServerCall<ApiAnswer>();
  const shownPath = sentPath ?? path;

  async function call(signal: AbortSignal): Promise<Outcome<ApiAnswer>> {
    const startedAtMs = Date.now();
    const outcome = await getApi(path, signal);
    const entry = historyEntryOf(path, outcome, startedAtMs);
    setHistory((before) => [entry, ...before].slice(0, shownCalls));
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
      <CallForm typed={typed} isWaiting={state.kind === "waiting"} onSend={send} />
      <div className="exchange">
        <RequestPanel path={shownPath} isSent={sentPath !== null} />
        <p className="hop">The gateway checks the cookie, attaches the token and calls the API.</p>
        <ResponsePanel state={state} hidesResponse={!isLoggedIn} onAgain={again} onCancel={cancel} />
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
