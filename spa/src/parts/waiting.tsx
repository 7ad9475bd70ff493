// Waiting that does not go on for ever in silence: bars first, then words and a way out.
import { useEffect, useState } from "react";
import { durationText } from "./times.ts";
import { useNowMs } from "./countdown.tsx";

const slowAfterMs = 3_000;

interface WaitingProps {
  readonly what: string;
  readonly onCancel?: () => void;
}

export function Waiting({ what, onCancel }: WaitingProps) {
  const [startedAtMs] = useState(Date.now);
  const isSlow = useIsSlow();
  return (
    <div className="waiting">
      <output className={isSlow ? "" : "visually-hidden"}>
        {isSlow ? `Still waiting for ${what}. It is slow, but nothing is lost.` : `Waiting for ${what}.`}
      </output>
      <div className="bars" aria-hidden="true">
        <span className="bar bar-long" />
        <span className="bar bar-short" />
        <span className="bar bar-middle" />
      </div>
      <div className="actions">
        {onCancel !== undefined && (
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
        )}
        {isSlow && <Elapsed sinceMs={startedAtMs} />}
      </div>
    </div>
  );
}

function useIsSlow(): boolean {
  const [isSlow, setIsSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsSlow(true), slowAfterMs);
    return () => clearTimeout(timer);
  }, []);
  return isSlow;
}

function Elapsed({ sinceMs }: { readonly sinceMs: number }) {
  return <span className="quiet tabular">{durationText(useNowMs() - sinceMs)} so far</span>;
}
