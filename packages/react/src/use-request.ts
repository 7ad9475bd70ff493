// State of one request of a component. The client repeats a 503 (`Retry-After`, at most `maxRetries` times).
"use client";
import type { Client, Failure, FetchInit, Outcome, RequestOptions, Retry } from "@cloakroom/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { useProvided } from "./session-context.ts";

export type RequestState<T> =
  | { readonly kind: "idle" }
  | { readonly kind: "cancelled" }
  | {
      readonly kind: "pending";
      readonly startedAtMs: number;
      /** The last response was a 503, and the request is repeated at `retry.atMs`; null while it is sent. */
      readonly retry: Retry | null;
    }
  | { readonly kind: "succeeded"; readonly value: T; readonly durationMs: number }
  | { readonly kind: "failed"; readonly failure: Failure; readonly durationMs: number };

export interface SendContext {
  readonly client: Client<unknown>;
  /** To be part of the request's options: aborts the request and reports its retries. */
  readonly init: Required<Pick<FetchInit, "onAttempt" | "onRetry">> & { readonly signal: AbortSignal };
}

export type Send<T> = (context: SendContext) => Promise<Outcome<T>>;

export interface RequestHandle<T> {
  readonly state: RequestState<T>;
  /** Aborts the previous request. `request` is a URL for `client.request`, or a function that sends it. */
  readonly run: (request: string | URL | Send<T>, options?: RequestOptions<T>) => void;
  /** Repeats the last request. */
  readonly retry: () => void;
  /** Aborts the request. The API may have processed it nevertheless. */
  readonly cancel: () => void;
}

/** `run`, `retry` and `cancel` keep their identity. The request is aborted when the component unmounts. */
export function useRequest<T = unknown>(): RequestHandle<T> {
  const { client } = useProvided();
  const [state, setState] = useState<RequestState<T>>({ kind: "idle" });
  const last = useRef<Send<T>>(null);
  const current = useRef<AbortController>(null);

  const start = useCallback(
    async (send: Send<T>): Promise<void> => {
      current.current?.abort();
      const abort = new AbortController();
      current.current = abort;
      last.current = send;
      const startedAtMs = Date.now();
      const setPending = (retry: Retry | null): void => {
        if (!abort.signal.aborted) setState({ kind: "pending", startedAtMs, retry });
      };
      setPending(null);
      const init = { signal: abort.signal, onRetry: setPending, onAttempt: () => setPending(null) };
      const outcome = await send({ client, init });
      if (abort.signal.aborted) return;
      const durationMs = Date.now() - startedAtMs;
      if (outcome.kind === "cancelled") setState({ kind: "cancelled" });
      else if (outcome.kind === "ok") setState({ kind: "succeeded", value: outcome.value, durationMs });
      else setState({ kind: "failed", failure: outcome, durationMs });
    },
    [client],
  );

  useEffect(() => () => current.current?.abort(), []);
  const run = useCallback(
    (request: string | URL | Send<T>, options?: RequestOptions<T>) =>
      void start(typeof request === "function" ? request : sendOf(request, options)),
    [start],
  );
  const retry = useCallback(() => {
    if (last.current !== null) void start(last.current);
  }, [start]);
  const cancel = useCallback(() => {
    current.current?.abort();
    setState({ kind: "cancelled" });
  }, []);
  return { state, run, retry, cancel };
}

function sendOf<T>(url: string | URL, options: RequestOptions<T> = {}): Send<T> {
  return ({ client, init }) =>
    client.request<T>(url, {
      ...options,
      signal: options.signal ? AbortSignal.any([options.signal, init.signal]) : init.signal,
      onRetry: (retry) => {
        init.onRetry(retry);
        options.onRetry?.(retry);
      },
      onAttempt: (attempt) => {
        init.onAttempt(attempt);
        options.onAttempt?.(attempt);
      },
    });
}
