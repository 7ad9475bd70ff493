// Same-origin fetch with CSRF header and timeout; every way in which it can end is an `Outcome`.
import { type Problem, readProblem } from "./problem.ts";

export type Failure =
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "offline" }
  | { readonly kind: "timeout"; readonly timeoutMs: number }
  | { readonly kind: "unreadable" };

export type Outcome<T> = { readonly kind: "ok"; readonly value: T } | { readonly kind: "cancelled" } | Failure;

export interface RequestOptions<T> {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Covers the response body as well. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** A SyntaxError makes the outcome `unreadable`. */
  readonly parse: (response: Response) => Promise<T>;
  /** Passes error responses to `parse` too. */
  readonly acceptsErrorResponses?: boolean;
}

/** `X-CSRF` is required by the gateway: a cross-origin page cannot send it without a CORS preflight. */
export const requestHeaders = { Accept: "application/json", "X-CSRF": "1" } as const;

export async function request<T>(path: string, options: RequestOptions<T>): Promise<Outcome<T>> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await fetch(path, {
      method: options.method ?? "GET",
      headers: requestHeaders,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual",
      signal,
    });
    if (!response.ok && options.acceptsErrorResponses !== true) {
      return { kind: "problem", problem: await readProblem(response) };
    }
    return { kind: "ok", value: await options.parse(response) };
  } catch (cause) {
    if (options.signal?.aborted === true) return { kind: "cancelled" };
    if (timeout.aborted) return { kind: "timeout", timeoutMs: options.timeoutMs };
    if (cause instanceof SyntaxError) return { kind: "unreadable" };
    if (cause instanceof TypeError) return { kind: "offline" };
    throw cause;
  }
}
