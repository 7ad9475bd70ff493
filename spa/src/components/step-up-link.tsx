// Link to a step-up login (RFC 9470), which returns to the current page with its form draft.
import type { Problem } from "@cloakroom/client";
import type { MouseEvent } from "react";
import { repeatDraft } from "../session/repeat-after-login.ts";
import { useReturnPath } from "../session/return-path.ts";
import { client } from "../session/session.ts";

interface StepUpLinkProps {
  readonly problem: Problem;
  /** The page repeats the call after the login. */
  readonly repeatsCall: boolean;
}

/** Renders nothing for a problem that demands no stronger login. */
export function StepUpLink({ problem, repeatsCall }: StepUpLinkProps) {
  const returnTo = useReturnPath();
  const url = client.stepUpUrl(problem, { returnTo });
  if (url === null) return null;
  function follow(event: MouseEvent): void {
    // The draft belongs to this tab.
    const opensOtherTab = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey;
    if (!repeatsCall || opensOtherTab) return;
    event.preventDefault();
    client.stepUp(problem, { returnTo, draft: repeatDraft });
  }
  return (
    <p>
      <a className="button button-main" href={url} onClick={follow}>
        Confirm that it is you
      </a>
    </p>
  );
}
