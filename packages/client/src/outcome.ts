// Every way in which a request can end, as a value.
import type { Problem } from "./problem.ts";

export type Failure =
  | { readonly kind: "problem"; readonly problem: Problem }
  /** No response, or a connection lost during the response. */
  | { readonly kind: "offline" }
  | { readonly kind: "timeout"; readonly timeoutMs: number }
  /** `parse` threw `cause`. */
  | { readonly kind: "unreadable"; readonly cause: unknown };

/** `cancelled`: the caller's signal was aborted. */
export type Outcome<T> = { readonly kind: "ok"; readonly value: T } | { readonly kind: "cancelled" } | Failure;
