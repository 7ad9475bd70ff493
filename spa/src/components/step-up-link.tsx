// Link to a step-up login (RFC 9470), which returns to the current page with its form draft.
import { useState } from "react";
import { gateway } from "../paths.ts";
import { createRepeatNonce, repeatParam, scheduleRepeat } from "../session/repeat-after-login.ts";
import { useReturnPath } from "../session/return-path.ts";

interface StepUpLinkProps {
  /** The problem's `loginUrl`, with `acr_values` and `max_age`. */
  readonly loginUrl: string;
  /** The page repeats the call after the login. */
  readonly repeatsCall: boolean;
}

export function StepUpLink({ loginUrl, repeatsCall }: StepUpLinkProps) {
  const [nonce] = useState(createRepeatNonce);
  const returnPath = useReturnPath(repeatsCall ? { [repeatParam]: nonce } : undefined);
  return (
    <a
      className="button button-main"
      href={gateway.stepUp(loginUrl, returnPath)}
      onClick={() => {
        if (repeatsCall) scheduleRepeat(nonce);
      }}
    >
      Confirm that it is you
    </a>
  );
}
