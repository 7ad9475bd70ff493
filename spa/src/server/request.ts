// How every call leaves this app: same origin, CSRF header, a deadline; and how it may end.
import { type Problem, problemFrom } from "./problem.ts";

export type Failure =
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "offline" }
  | { readonly kind: "timeout"; readonly deadlineMs: number }
  | { readonly kind: "unreadable" };

export type Outcome<T> = { readonly kind: "ok"; readonly value: T } | { readonly kind: "cancelled" } | Failure;

export interface RequestOptions<T> {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Also sees error answers when `acceptsErrors` is set. */
  readonly read: (response: Response) => Promise<T>;
  readonly acceptsErrors?: boolean;
}

/** The gateway refuses a fetch without it: a foreign page cannot send it without a CORS preflight. */
export const sentHeaders = { Accept: "application/json", "X-CSRF": "1" } as const;

export async function request<T>(path: string, options: RequestOptions<T>): Promise<Outcome<T>> {
  // The deadline also covers the body: headers that arrive in time prove nothing about the rest.
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    const response = await fetch(path, {
      method: options.method ?? "GET",
      headers: sentHeaders,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual",
      signal,
    });
    if (!response.ok && options.acceptsErrors !== true) {
      return { kind: "problem", problem: await problemFrom(response) };
    }
    return { kind: "ok", value: await options.read(response) };
  } catch (cause) {
    if (options.signal?.aborted === true) return { kind: "cancelled" };
    if (deadline.aborted) return { kind: "timeout", deadlineMs: options.deadlineMs };
    if (cause instanceof SyntaxError) return { kind: "unreadable" };
    if (cause instanceof TypeError) return { kind: "offline" };
    throw cause;
  }
}
