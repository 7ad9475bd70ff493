// The other side of the call: its answer, its failure, or the wait for it.
import type { ReactNode } from "react";
import { CallStatus } from "../../parts/call-status.tsx";
import { FailurePanel } from "../../parts/failure-panel.tsx";
import { Waiting } from "../../parts/waiting.tsx";
import type { ApiAnswer } from "../../server/api.ts";
import type { CallState } from "../../session/use-server-call.ts";

interface AnswerPanelProps {
  readonly state: CallState<ApiAnswer>;
  /** The session is over: an earlier answer is nobody's business any more. */
  readonly hidesAnswer: boolean;
  readonly onAgain: () => void;
  readonly onCancel: () => void;
}

export function AnswerPanel(props: AnswerPanelProps) {
  return (
    <section className="panel" aria-labelledby="answer-heading">
      <h2 id="answer-heading">Answer</h2>
      <CallStatus state={props.state} />
      <Content {...props} />
    </section>
  );
}

function Content({ state, hidesAnswer, onAgain, onCancel }: AnswerPanelProps): ReactNode {
  switch (state.kind) {
    case "idle":
      return <p className="empty">Nothing sent yet. The answer appears here.</p>;
    case "waiting":
      return <Waiting key={state.startedAtMs} what="the API" onCancel={onCancel} />;
    case "cancelled":
      return <p className="empty">Cancelled. The API may have started its work, but nobody waits for it now.</p>;
    case "answered":
      return hidesAnswer ? (
        <p className="empty">The earlier answer is hidden because the session is over.</p>
      ) : (
        <Answer answer={state.value} tookMs={state.tookMs} />
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

function Answer({ answer, tookMs }: { readonly answer: ApiAnswer; readonly tookMs: number }) {
  return (
    <>
      <p className="quiet">Answered in {tookMs} ms.</p>
      <p className="wire-line">
        <strong>{answer.status}</strong> {answer.contentType}
      </p>
      <pre className="body">{JSON.stringify(answer.body, null, 2)}</pre>
      {answer.requestId !== null && (
        <p className="quiet">
          Request id <code>{answer.requestId}</code>
        </p>
      )}
    </>
  );
}
