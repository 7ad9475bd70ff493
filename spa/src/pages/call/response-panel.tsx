// What came back: a response, a failure, or the wait for it.
import type { ReactNode } from "react";
import { CallStatus } from "../../parts/call-status.tsx";
import { FailurePanel } from "../../parts/failure-panel.tsx";
import { Json } from "../../parts/json.tsx";
import { Waiting } from "../../parts/waiting.tsx";
import type { ApiAnswer } from "../../server/api.ts";
import type { CallState } from "../../session/use-server-call.ts";

interface ResponsePanelProps {
  readonly state: CallState<ApiAnswer>;
  /** The session is over: an earlier response must not stay on the screen. */
  readonly hidesResponse: boolean;
  readonly onAgain: () => void;
  readonly onCancel: () => void;
}

export function ResponsePanel(props: ResponsePanelProps) {
  return (
    <section className="panel" aria-labelledby="response-heading">
      <div className="section-head">
        <h2 id="response-heading">Response</h2>
        {props.state.kind === "answered" && !props.hidesResponse && (
          <p className="quiet">Received after {props.state.tookMs} ms.</p>
        )}
      </div>
      <CallStatus state={props.state} />
      <Content {...props} />
    </section>
  );
}

function Content({ state, hidesResponse, onAgain, onCancel }: ResponsePanelProps): ReactNode {
  switch (state.kind) {
    case "idle":
      return <p className="empty">Nothing sent yet.</p>;
    case "waiting":
      return <Waiting key={state.startedAtMs} what="the API" onCancel={onCancel} />;
    case "cancelled":
      return <p className="empty">Cancelled. The API may have done its work all the same.</p>;
    case "answered":
      return hidesResponse ? (
        <p className="empty">The earlier response is hidden because the session is over.</p>
      ) : (
        <Answer answer={state.value} />
      );
    case "failed":
      return (
        <FailurePanel
          failure={state.failure}
          retryAtMs={state.retryAtMs}
          repeatsAfterLogin
          actions={
            <>
              <button type="button" className="button" onClick={onAgain}>
                Try again
              </button>
              {state.retryAtMs !== null && (
                <button type="button" className="button" onClick={onCancel}>
                  Stop trying
                </button>
              )}
            </>
          }
        />
      );
  }
}

function Answer({ answer }: { readonly answer: ApiAnswer }) {
  return (
    <>
      <p className="wire-line">
        <strong>{answer.status}</strong> {answer.contentType}
      </p>
      <Json value={answer.body} />
      {answer.requestId !== null && (
        <p className="quiet">
          Request id <code>{answer.requestId}</code>
        </p>
      )}
    </>
  );
}
