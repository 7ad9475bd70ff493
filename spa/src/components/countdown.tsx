// Remaining time, updated every second. Not a live region: screen readers would announce each update.
import { useEffect, useState } from "react";
import { formatDuration } from "./format-time.ts";

export function useNowMs(intervalMs = 1_000): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return nowMs;
}

export function Countdown({ untilMs }: { readonly untilMs: number }) {
  const remainingMs = untilMs - useNowMs();
  return <span className="tabular">{remainingMs > 0 ? `in ${formatDuration(remainingMs)}` : "now"}</span>;
}
