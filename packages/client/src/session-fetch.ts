// `fetch` for the session of a page: CSRF header, the session that the page was rendered for, retries of 503, and a
// report of every response that concerns the session. Only same-origin requests are touched.
import { attempt } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import type { Outcome } from "./outcome.ts";
import type { PageWindow } from "./page-window.ts";
import { type Problem, readProblem } from "./problem.ts";
import type { Clock } from "./session-store.ts";

/** A retry that has been scheduled. */
export interface Retry {
  /** The 503 response. */
  readonly problem: Problem;
  /** 1 for the first retry. */
  readonly attempt: number;
  /** When it is sent, in milliseconds since the epoch. */
  readonly atMs: number;
}

export interface FetchInit extends RequestInit {
  /**
   * Repeats the request after a 503 with `Retry-After`. Default: true for idempotent methods (RFC 9110 §9.2.2). With
   * `true`, the caller states that a POST or PATCH may be repeated, for example because it has an idempotency key. A
   * stream as `body` is never repeated; the body of a `Request` object is kept in memory for a repetition.
   */
  readonly retry?: boolean;
  /** Called when a retry has been scheduled. An abort of `signal` ends the delay as well. */
  readonly onRetry?: (retry: Retry) => void;
  /** Called when a request is sent. @param attempt 0, then that of each retry */
  readonly onAttempt?: (attempt: number) => void;
}

export interface RequestOptions<T> extends FetchInit {
  /**
   * Covers retries and the response's body; a retry after that time is not waited for. Default: 35,000. A row's
   * `headersTimeoutMs`, after which the gateway sends a 504, is longer unless it is set: 60,000.
   */
  readonly timeoutMs?: number;
  /**
   * Default: `response.json()`. An error makes the outcome `unreadable`; but a TypeError is how fetch reports a
   * connection that is lost during the body, so it makes the outcome `offline`.
   */
  readonly parse?: (response: Response) => T | Promise<T>;
  /** Passes error responses to `parse` too. */
  readonly acceptsErrorResponses?: boolean;
}

export interface SessionFetchDependencies {
  readonly page: PageWindow | undefined;
  /** `fetch` of the browser. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly loginPath: string;
  /** The session that this page was rendered for. */
  readonly handle: () => string | null;
  readonly maxRetries: number;
  /** A longer `Retry-After` is not waited for. */
  readonly maxDelayMs: number;
  /** Called with each 401, 409 and 503, and with null for a request without a response. */
  readonly report: (problem: Problem | null, sentAtMs: number) => void;
}

/** A request of the client itself. `check` asks whose session it is, so it names none. */
export type OwnRequest = "check" | "logout";

export interface SessionFetch {
  readonly send: (input: RequestInfo | URL, init?: FetchInit) => Promise<Response>;
  /** @param own leaves state and retries to the caller */
  readonly request: <T>(input: RequestInfo | URL, init?: RequestOptions<T>, own?: OwnRequest) => Promise<Outcome<T>>;
}

interface SendInit extends FetchInit {
  readonly own?: OwnRequest | undefined;
  /** No retry is sent after that. */
  readonly untilMs?: number;
}

const defaultTimeoutMs = 35_000;
const idempotentMethods = /^(GET|HEAD|OPTIONS|PUT|DELETE)$/;

export function createSessionFetch(dependencies: SessionFetchDependencies): SessionFetch {
  const { page, fetch, clock, loginPath, handle, maxRetries, maxDelayMs, report } = dependencies;

  /** @returns null for another origin, and on a server */
  function sameOriginUrl(input: RequestInfo | URL): URL | null {
    const url = attempt(() => new URL(isRequest(input) ? input.url : input, page?.document.baseURI));
    return url && url.origin === page?.location.origin && /^https?:$/.test(url.protocol) ? url : null;
  }

  /** @returns sends it. @throws TypeError as fetch does */
  function prepare(input: RequestInfo | URL, init: SendInit, accept?: string): () => Promise<Response> {
    const url = sameOriginUrl(input);
    if (url === null) return () => fetch(input, init);
    // With this mode, a redirect to another origin is a network error: it would receive the headers below.
    const request = new Request(isRequest(input) ? input : url, { ...init, mode: "same-origin" });
    const { headers } = request;
    // Required by the gateway: a cross-origin page cannot send it without a CORS preflight.
    headers.set("X-CSRF", "1");
    const named = init.own === "check" ? null : handle();
    if (named !== null) headers.set("X-Session-Handle", named);
    if (accept !== undefined && !headers.has("Accept")) headers.set("Accept", accept);
    return () => deliver(request, init);
  }

  async function deliver(request: Request, init: SendInit): Promise<Response> {
    const { own, onAttempt, onRetry, untilMs = Number.POSITIVE_INFINITY } = init;
    const isRepeatable =
      (init.retry ?? idempotentMethods.test(request.method)) && !(init.body instanceof ReadableStream);
    for (let retries = 0; ; retries += 1) {
      const sentAtMs = clock.nowMs();
      const isLast = !isRepeatable || retries >= maxRetries;
      onAttempt?.(retries);
      const response = await fetch(isLast ? request : request.clone()).catch((cause: unknown) => {
        if (own === undefined && cause instanceof TypeError && !request.signal.aborted) report(null, sentAtMs);
        throw cause;
      });
      if (own !== undefined || ![401, 409, 503].includes(response.status)) return response;
      // Leaves the body to the caller. It is null if the connection is lost during the body.
      const problem = await readProblem(response.clone(), loginPath).catch(() => null);
      if (problem === null) return response;
      report(problem, sentAtMs);
      const delayMs = backoffMs(retries, problem.retryAfterMs, clock.random());
      const canWait = problem.retryAfterMs !== null && delayMs <= maxDelayMs && clock.nowMs() + delayMs < untilMs;
      if (isLast || problem.status !== 503 || !canWait) return response;
      void response.body?.cancel();
      onRetry?.({ problem, attempt: retries + 1, atMs: clock.nowMs() + delayMs });
      await wait(delayMs, request.signal);
    }
  }

  function wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const cancel = clock.setTimer(delayMs, resolve);
      signal.addEventListener("abort", () => {
        cancel();
        // The reason is the caller's, as with fetch.
        reject(signal.reason as Error);
      });
    });
  }

  return {
    send: async (input, init = {}) => prepare(input, init)(),
    request: async (input, options = {}, own) => {
      const { timeoutMs = defaultTimeoutMs, parse = readJson, acceptsErrorResponses, ...init } = options;
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = init.signal ?? (isRequest(input) ? input.signal : timeout);
      const send = prepare(
        input,
        {
          cache: "no-store",
          redirect: "manual",
          ...init,
          own,
          untilMs: clock.nowMs() + timeoutMs,
          signal: AbortSignal.any([signal, timeout]),
        },
        "application/json",
      );
      try {
        const response = await send();
        if (!response.ok && acceptsErrorResponses !== true) {
          return { kind: "problem", problem: await readProblem(response, loginPath) };
        }
        return { kind: "ok", value: await parse(response) };
      } catch (cause) {
        if (signal !== timeout && signal.aborted) return { kind: "cancelled" };
        if (timeout.aborted) return { kind: "timeout", timeoutMs };
        return cause instanceof TypeError ? { kind: "offline" } : { kind: "unreadable", cause };
      }
    },
  };
}

/** The type of the value is the caller's statement about the response. */
async function readJson<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

function isRequest(input: RequestInfo | URL): input is Request {
  return typeof input === "object" && "url" in input;
}
