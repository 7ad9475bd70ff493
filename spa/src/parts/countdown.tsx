// Time left, ticking. Not a live region: nobody wants to hear it every second.
import { useEffect, useState } from "react";
import { durationText } from "./times.ts";

export function useNowMs(everyMs = 1_000): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}

export function Countdown({ untilMs, over = "now" }: { readonly untilMs: number; readonly over?: string }) {
  const leftMs = untilMs - useNowMs();
  return <span className="tabular">{leftMs > 0 ? `in ${durationText(leftMs)}` : over}</span>;
}
