// What a page shows of a request: a request that waits for its retry is shown as the failure that caused the retry.
import type { Failure } from "@cloakroom/client";
import type { RequestState } from "@cloakroom/react";

export interface ShownFailure {
  readonly failure: Failure;
  /** Null unless a retry is scheduled. */
  readonly retryAtMs: number | null;
}

export function shownFailure(state: RequestState<unknown>): ShownFailure | null {
  if (state.kind === "failed") return { failure: state.failure, retryAtMs: null };
  if (state.kind !== "pending" || state.retry === null) return null;
  const { problem, atMs } = state.retry;
  return { failure: { kind: "problem", problem }, retryAtMs: atMs };
}

/** Whether the page waits for a response. */
export function isSending(state: RequestState<unknown>): boolean {
  return state.kind === "pending" && state.retry === null;
}
