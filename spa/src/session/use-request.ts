// State of one request of a page. A 503 is retried with exponential backoff, at most `maxRetries` times.
import { useCallback, useEffect, useRef, useState } from "react";
import { sessionEndCodeOf } from "../server/problem.ts";
import type { Failure, Outcome } from "../server/request.ts";
import { backoffMs } from "./backoff.ts";
import { session } from "./session.ts";

export type RequestState<T> =
  | { readonly kind: "idle" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "pending"; readonly startedAtMs: number }
  | { readonly kind: "succeeded"; readonly value: T; readonly durationMs: number }
  | {
      readonly kind: "failed";
      readonly failure: Failure;
      readonly durationMs: number;
      /** Null unless a retry is scheduled. */
      readonly retryAtMs: number | null;
    };

type Send<T> = (signal: AbortSignal) => Promise<Outcome<T>>;

export interface RequestHandle<T> {
  readonly state: RequestState<T>;
  /** Aborts the previous request and its retries. */
  readonly run: (send: Send<T>) => void;
  /** Repeats the last request. */
  readonly retry: () => void;
  readonly cancel: () => void;
}

const maxRetries = 5;

export function useRequest<T>(): RequestHandle<T> {
  const [state, setState] = useState<RequestState<T>>({ kind: "idle" });
  const lastSend = useRef<Send<T>>(null);
  const stop = useRef((): void => undefined);

  const start = useCallback(async function attempt(send: Send<T>, retries: number): Promise<void> {
    stop.current();
    const abort = new AbortController();
    stop.current = () => abort.abort();
    lastSend.current = send;
    const startedAtMs = Date.now();
    setState({ kind: "pending", startedAtMs });
    const outcome = await send(abort.signal);
    if (abort.signal.aborted || outcome.kind === "cancelled") return;
    const durationMs = Date.now() - startedAtMs;
    if (outcome.kind === "ok") return setState({ kind: "succeeded", value: outcome.value, durationMs });
    const delayMs = retryDelayMs(outcome, retries);
    const retryAtMs = delayMs === null ? null : Date.now() + delayMs;
    setState({ kind: "failed", failure: outcome, durationMs, retryAtMs });
    updateSession(outcome, startedAtMs);
    if (delayMs === null) return;
    const timer = setTimeout(() => void attempt(send, retries + 1), delayMs);
    stop.current = () => clearTimeout(timer);
  }, []);

  useEffect(() => () => stop.current(), []);
  const run = useCallback((send: Send<T>) => void start(send, 0), [start]);
  const retry = useCallback(() => {
    if (lastSend.current !== null) void start(lastSend.current, 0);
  }, [start]);
  const cancel = useCallback(() => {
    stop.current();
    setState({ kind: "cancelled" });
  }, []);
  return { state, run, retry, cancel };
}

/** @returns null if the failure is not retried */
function retryDelayMs(failure: Failure, retries: number): number | null {
  if (failure.kind !== "problem" || failure.problem.status !== 503 || retries >= maxRetries) return null;
  return backoffMs(retries, failure.problem.retryAfterMs, Math.random());
}

/** Updates the session store if the failure concerns the session. */
function updateSession(failure: Failure, sentAtMs: number): void {
  if (failure.kind === "offline") return session.reportFailure(failure);
  if (failure.kind !== "problem") return;
  const reason = sessionEndCodeOf(failure.problem);
  if (reason !== null) session.markEnded(reason, sentAtMs);
  else if (failure.problem.code === "store_unavailable") session.reportFailure(failure);
}
