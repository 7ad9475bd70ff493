// The way to a stronger login and back to this very page, with what was typed.
import { useState } from "react";
import { gateway } from "../paths.ts";
import { newRepeatNumber, planRepeat, repeatField } from "../session/repeat-once.ts";
import { useReturnPath } from "../session/use-return-path.ts";

interface StepUpLinkProps {
  /** The gateway's own: it says how strong and how fresh. */
  readonly loginUrl: string;
  /** The page that it leads back to makes the call once more. */
  readonly repeats: boolean;
}

export function StepUpLink({ loginUrl, repeats }: StepUpLinkProps) {
  const [number] = useState(newRepeatNumber);
  const returnPath = useReturnPath(repeats ? { [repeatField]: number } : undefined);
  return (
    <a
      className="button button-main"
      href={gateway.stepUp(loginUrl, returnPath)}
      onClick={() => {
        if (repeats) planRepeat(number);
      }}
    >
      Confirm that it is you
    </a>
  );
}
