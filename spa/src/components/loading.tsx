// Loading indicator: placeholder bars, then after `slowAfterMs` a text with the elapsed time.
import { useEffect, useState } from "react";
import { useNowMs } from "./countdown.tsx";
import { formatDuration } from "./format-time.ts";

const slowAfterMs = 3_000;

interface LoadingProps {
  /** Completes the sentence "Waiting for …". */
  readonly what: string;
  readonly onCancel?: () => void;
}

export function Loading({ what, onCancel }: LoadingProps) {
  const [startedAtMs] = useState(Date.now);
  const isSlow = useIsSlow();
  return (
    <div className="loading">
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
  return <span className="quiet tabular">{formatDuration(useNowMs() - sinceMs)} so far</span>;
}
