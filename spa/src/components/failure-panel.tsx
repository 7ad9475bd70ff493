// Shows a failed request: title, explanation, and error code and request id for support.
import type { Failure } from "@cloakroom/client";
import type { ReactNode } from "react";
import { sanitizeText } from "../server/sanitize-text.ts";
import { Countdown } from "./countdown.tsx";
import { failureText } from "./failure-text.ts";
import { StepUpLink } from "./step-up-link.tsx";

interface FailurePanelProps {
  readonly failure: Failure;
  readonly retryAtMs?: number | null;
  readonly actions?: ReactNode;
  /** The page repeats the call after a step-up login; see repeat-after-login.ts. */
  readonly repeatsAfterLogin?: boolean;
}

export function FailurePanel({ failure, retryAtMs = null, actions, repeatsAfterLogin = false }: FailurePanelProps) {
  const { title, meaning } = failureText(failure);
  const problem = failure.kind === "problem" ? failure.problem : null;
  return (
    <div className="failure">
      <p className="failure-title">{title}</p>
      <p>{meaning}</p>
      {problem !== null && (
        <dl className="facts facts-small">
          <div>
            <dt>Status</dt>
            <dd>{problem.status === 0 ? "none" : problem.status}</dd>
          </div>
          {problem.code !== null && (
            <div>
              <dt>Code</dt>
              <dd>
                <code>{sanitizeText(problem.code)}</code>
              </dd>
            </div>
          )}
          {problem.requestId !== null && (
            <div>
              <dt>Request id</dt>
              <dd>
                <code>{sanitizeText(problem.requestId)}</code>
              </dd>
            </div>
          )}
        </dl>
      )}
      {retryAtMs !== null && (
        <p className="quiet">
          Trying again <Countdown untilMs={retryAtMs} />.
        </p>
      )}
      {problem !== null && <StepUpLink problem={problem} repeatsCall={repeatsAfterLogin} />}
      {actions !== undefined && <div className="actions">{actions}</div>}
    </div>
  );
}
