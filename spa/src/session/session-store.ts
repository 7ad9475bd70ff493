// Asks the gateway who is logged in, keeps the answer for the whole tab, and heals when the gateway comes back.
import type { Outcome } from "../server/request.ts";
import type { Failure } from "../server/request.ts";
import type { Who } from "../server/user.ts";
import { backoffMs } from "./backoff.ts";
import { type EndReason, afterAnswer, afterEnd, afterFailure, endsAtMs, initialState } from "./session-state.ts";
import type { SessionState } from "./session-state.ts";

export interface SessionStoreParts {
  readonly askUser: (signal: AbortSignal) => Promise<Outcome<Who>>;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** @returns a function that calls the timer off. */
  readonly after: (waitMs: number, run: () => void) => () => void;
  /** Another person is logged in than this page was drawn for: nothing on it may stay. */
  readonly startOver: () => void;
}

export interface SessionStore {
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => SessionState;
  /** Asks unless the answer is already known or on its way. */
  readonly known: () => Promise<void>;
  readonly check: (hint?: EndReason) => Promise<void>;
  readonly checkIfOlderThan: (ageMs: number) => Promise<void>;
  /** The gateway said 401: the session is over, what the person typed is not. */
  readonly end: (reason: EndReason) => void;
  readonly fail: (failure: Failure) => void;
  /** Hides everything personal until the gateway has answered again. */
  readonly conceal: () => Promise<void>;
  /** Logged out in this tab, acknowledged by the gateway. */
  readonly forget: () => void;
  readonly dismissEnd: () => void;
  /** The gateway says that the end has come near, or has moved away: its times are asked for again. */
  readonly expiring: (isNear: boolean) => void;
}

/** Timers fire a little early and clocks differ a little: ask when the session is surely over. */
const expirySlackMs = 1_500;
/** The gateway still knows a session that should be over: the clocks disagree, so do not ask all the time. */
const overdueWaitMs = 15_000;
/** setTimeout takes no more than 2^31-1 ms and would fire at once. */
const longestTimerMs = 2_000_000_000;

export function createSessionStore(parts: SessionStoreParts): SessionStore {
  const listeners = new Set<() => void>();
  let state = initialState;
  let flight: { readonly promise: Promise<void>; readonly abort: AbortController } | null = null;
  let attempt = 0;
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  let drawnForSub: string | null = null;
  let cancelTimer = (): void => undefined;

  function become(next: SessionState): void {
    state = next;
    for (const listener of listeners) listener();
  }

  function settle(outcome: Outcome<Who>, hint: EndReason | null): void {
    checkedAtMs = parts.nowMs();
    if (outcome.kind === "cancelled") return;
    if (outcome.kind !== "ok") return fail(outcome);
    attempt = 0;
    const who = outcome.value;
    if (who.kind === "user") {
      if (drawnForSub !== null && drawnForSub !== who.user.sub) return parts.startOver();
      drawnForSub = who.user.sub;
    }
    const endMs = endsAtMs(state);
    const ranOut = endMs !== null && endMs <= parts.nowMs() + expirySlackMs;
    become(afterAnswer(state, who, hint ?? (ranOut ? "session_expired" : null)));
    watchExpiry();
  }

  function watchExpiry(): void {
    cancelTimer();
    const endMs = endsAtMs(state);
    if (endMs === null) return;
    const leftMs = endMs - parts.nowMs();
    const waitMs = leftMs > 0 ? leftMs + expirySlackMs : overdueWaitMs;
    cancelTimer = parts.after(Math.min(waitMs, longestTimerMs), () => void check());
  }

  function fail(failure: Failure): void {
    const retryAfterMs = failure.kind === "problem" ? failure.problem.retryAfterMs : null;
    const waitMs = Math.min(backoffMs(attempt, retryAfterMs, parts.random()), longestTimerMs);
    attempt += 1;
    become(afterFailure(state, failure, parts.nowMs() + waitMs));
    cancelTimer();
    cancelTimer = parts.after(waitMs, () => void check());
  }

  function check(hint: EndReason | null = null): Promise<void> {
    if (flight !== null && hint === null) return flight.promise;
    // An answer that left the gateway before the logout would bring the user back on screen.
    flight?.abort.abort();
    const abort = new AbortController();
    become({ ...state, isChecking: true });
    const promise = parts.askUser(abort.signal).then((outcome) => {
      if (abort.signal.aborted) return;
      flight = null;
      settle(outcome, hint);
    });
    flight = { promise, abort };
    return promise;
  }

  function stopAsking(): void {
    flight?.abort.abort();
    flight = null;
    cancelTimer();
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => state,
    known: () => (state.who.kind === "unknown" && state.trouble === null ? check() : Promise.resolve()),
    check: (hint) => check(hint ?? null),
    checkIfOlderThan: (ageMs) => (parts.nowMs() - checkedAtMs > ageMs ? check() : Promise.resolve()),
    end: (reason) => {
      stopAsking();
      become({ ...afterEnd(state, reason), isChecking: false, trouble: null });
    },
    fail,
    conceal: () => {
      stopAsking();
      become({ ...initialState, ended: state.ended });
      return check();
    },
    forget: () => {
      stopAsking();
      drawnForSub = null;
      become({ ...initialState, who: { kind: "nobody" } });
    },
    dismissEnd: () => become({ ...state, ended: null }),
    expiring: (isExpiring) => {
      if (state.who.kind !== "user") return;
      become({ ...state, isExpiring });
      void check();
    },
  };
}
