// One call of a page: waiting, slow, answered, failed, cancelled; a 503 is tried again by itself, a limited number of times.
import { useCallback, useEffect, useRef, useState } from "react";
import { sessionEndCodeOf } from "../server/problem.ts";
import type { Failure, Outcome } from "../server/request.ts";
import { backoffMs } from "./backoff.ts";
import { session } from "./session.ts";

export type CallState<T> =
  | { readonly kind: "idle" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "waiting"; readonly startedAtMs: number }
  | { readonly kind: "answered"; readonly value: T; readonly tookMs: number }
  | { readonly kind: "failed"; readonly failure: Failure; readonly tookMs: number; readonly retryAtMs: number | null };

type Call<T> = (signal: AbortSignal) => Promise<Outcome<T>>;

export interface ServerCall<T> {
  readonly state: CallState<T>;
  readonly run: (call: Call<T>) => void;
  readonly again: () => void;
  readonly cancel: () => void;
}

const maxAutomaticRetries = 5;

export function useServerCall<T>(): ServerCall<T> {
  const [state, setState] = useState<CallState<T>>({ kind: "idle" });
  const last = useRef<Call<T>>(null);
  const stop = useRef((): void => undefined);

  const start = useCallback(async function attempt(call: Call<T>, retries: number): Promise<void> {
    stop.current();
    const abort = new AbortController();
    stop.current = () => abort.abort();
    last.current = call;
    const startedAtMs = Date.now();
    setState({ kind: "waiting", startedAtMs });
    const outcome = await call(abort.signal);
    if (abort.signal.aborted || outcome.kind === "cancelled") return;
    const tookMs = Date.now() - startedAtMs;
    if (outcome.kind === "ok") return setState({ kind: "answered", value: outcome.value, tookMs });
    const waitMs = retryWaitMs(outcome, retries);
    const retryAtMs = waitMs === null ? null : Date.now() + waitMs;
    setState({ kind: "failed", failure: outcome, tookMs, retryAtMs });
    tellSession(outcome, startedAtMs);
    if (waitMs === null) return;
    const timer = setTimeout(() => void attempt(call, retries + 1), waitMs);
    stop.current = () => clearTimeout(timer);
  }, []);

  useEffect(() => () => stop.current(), []);
  const run = useCallback((call: Call<T>) => void start(call, 0), [start]);
  const again = useCallback(() => {
    if (last.current !== null) void start(last.current, 0);
  }, [start]);
  const cancel = useCallback(() => {
    stop.current();
    setState({ kind: "cancelled" });
  }, []);
  return { state, run, again, cancel };
}

function retryWaitMs(failure: Failure, retries: number): number | null {
  if (failure.kind !== "problem" || failure.problem.status !== 503 || retries >= maxAutomaticRetries) return null;
  return backoffMs(retries, failure.problem.retryAfterMs, Math.random());
}

/** What one call learned about the session is true for the whole page. */
function tellSession(failure: Failure, sentAtMs: number): void {
  if (failure.kind === "offline") return session.fail(failure);
  if (failure.kind !== "problem") return;
  const reason = sessionEndCodeOf(failure.problem);
  if (reason !== null) session.end(reason, sentAtMs);
  else if (failure.problem.code === "store_unavailable") session.fail(failure);
}
