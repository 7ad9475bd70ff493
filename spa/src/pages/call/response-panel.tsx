// The response, the failure, or a loading indicator.
import type { RequestState } from "@cloakroom/react";
import type { ReactNode } from "react";
import { FailurePanel } from "../../components/failure-panel.tsx";
import { Json } from "../../components/json.tsx";
import { Loading } from "../../components/loading.tsx";
import { RequestStatus } from "../../components/request-status.tsx";
import { type ShownFailure, shownFailure } from "../../components/shown-failure.ts";
import type { ApiResponse } from "../../server/api.ts";

interface ResponsePanelProps {
  readonly state: RequestState<ApiResponse>;
  /** Hides an earlier response, because the session has ended and another person may use the browser. */
  readonly hidesResponse: boolean;
  readonly onRetry: () => void;
  readonly onCancel: () => void;
}

export function ResponsePanel(props: ResponsePanelProps) {
  return (
    <section className="panel" aria-labelledby="response-heading">
      <div className="section-head">
        <h2 id="response-heading">Response</h2>
        {props.state.kind === "succeeded" && !props.hidesResponse && (
          <p className="quiet">Received after {props.state.durationMs} ms.</p>
        )}
      </div>
      <RequestStatus state={props.state} />
      <Content {...props} />
    </section>
  );
}

function Content({ state, hidesResponse, onRetry, onCancel }: ResponsePanelProps): ReactNode {
  const shown = shownFailure(state);
  if (shown !== null) return <FailureContent shown={shown} onRetry={onRetry} onCancel={onCancel} />;
  switch (state.kind) {
    case "idle":
      return <p className="empty">Nothing sent yet.</p>;
    case "pending":
      return <Loading key={state.startedAtMs} what="the API" onCancel={onCancel} />;
    case "cancelled":
      return <p className="empty">Cancelled. The API may have processed the request nevertheless.</p>;
    case "succeeded":
      return hidesResponse ? (
        <p className="empty">The earlier response is hidden because the session has ended.</p>
      ) : (
        <ResponseContent response={state.value} />
      );
    case "failed":
      return null;
  }
}

interface FailureContentProps extends Pick<ResponsePanelProps, "onRetry" | "onCancel"> {
  readonly shown: ShownFailure;
}

function FailureContent({ shown, onRetry, onCancel }: FailureContentProps) {
  return (
    <FailurePanel
      {...shown}
      repeatsAfterLogin
      actions={
        <>
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
          {shown.retryAtMs !== null && (
            <button type="button" className="button" onClick={onCancel}>
              Stop retrying
            </button>
          )}
        </>
      }
    />
  );
}

function ResponseContent({ response }: { readonly response: ApiResponse }) {
  return (
    <>
      <p className="wire-line">
        <strong>{response.status}</strong> {response.contentType}
      </p>
      <Json value={response.body} />
      {response.requestId !== null && (
        <p className="quiet">
          Request id <code>{response.requestId}</code>
        </p>
      )}
    </>
  );
}
