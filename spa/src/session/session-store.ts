// Session store of this tab. Checks (GET /bff/user) are single-flight with a trailing edge: a message that arrives
// while a check is in flight, or shortly after one, causes one more check, because the response may predate the message.
import type { Failure, Outcome } from "../server/request.ts";
import type { Auth } from "../server/user.ts";
import { backoffMs } from "./backoff.ts";
import { type TabMessage, endReasonOf } from "./session-messages.ts";
import * as transition from "./session-state.ts";
import { type EndReason, type SessionState, initialState, sessionEndsAtMs } from "./session-state.ts";

export interface SessionStoreDependencies {
  readonly fetchUser: (signal: AbortSignal) => Promise<Outcome<Auth>>;
  readonly nowMs: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** @returns cancels the timer */
  readonly setTimer: (delayMs: number, run: () => void) => () => void;
  /** Called when another user has logged in: nothing rendered for the previous user may remain. */
  readonly reloadPage: () => void;
}

export interface SessionStore {
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => SessionState;
  /** Checks unless the state is known; joins a check in flight. */
  readonly ensureLoaded: () => Promise<void>;
  /** Handles a message of another tab or an event of the gateway. A check that starts after this call verifies it. */
  readonly receive: (message: TabMessage) => Promise<void>;
  readonly check: () => Promise<void>;
  /** Checks if the last check started more than `maxAgeMs` ago. */
  readonly checkIfOlderThan: (maxAgeMs: number) => Promise<void>;
  /**
   * Handles a 401 that ended the session.
   * @param sentAtMs when the rejected request was sent. If a check has started since, a login may have replaced the
   * session, and it is checked again.
   */
  readonly markEnded: (reason: EndReason, sentAtMs: number) => void;
  /** Shows the failure and schedules a check with exponential backoff. */
  readonly reportFailure: (failure: Failure) => void;
  /** Hides everything personal until a check has completed. */
  readonly hideAndCheck: () => Promise<void>;
  /** Handles a logout in this tab, after the gateway has acknowledged it. */
  readonly markLoggedOut: () => void;
  readonly dismissEndReason: () => void;
}

/** At most one check per interval because of messages: tabs that open together send many. */
const minCheckIntervalMs = 300;
/** Added to the expiry time, because timers fire early and clocks differ. */
const expiryMarginMs = 1_500;
/** Interval of checks when the gateway still knows a session that has expired by this machine's clock. */
const overdueCheckMs = 15_000;
/** Below setTimeout's limit of 2^31 - 1 ms, above which it fires at once. */
const maxTimerMs = 2_000_000_000;

export function createSessionStore(dependencies: SessionStoreDependencies): SessionStore {
  const listeners = new Set<() => void>();
  let state = initialState;
  let inFlight: { readonly promise: Promise<void>; readonly abort: AbortController } | null = null;
  /** A message has arrived since the last check started. */
  let isCheckDue = false;
  /** The reason in the last message, until a response confirms that the session has ended. */
  let reportedReason: EndReason | null = null;
  let failedChecks = 0;
  let lastCheckStartedAtMs = Number.NEGATIVE_INFINITY;
  let cancelTimer = (): void => undefined;
  let cancelDueCheck = (): void => undefined;

  function setState(next: SessionState): void {
    state = next;
    for (const listener of listeners) listener();
  }

  function handleOutcome(outcome: Outcome<Auth>): void {
    if (outcome.kind === "cancelled") return;
    if (outcome.kind !== "ok") return reportFailure(outcome);
    failedChecks = 0;
    const auth = outcome.value;
    const { renderedSub } = state;
    if (auth.kind === "authenticated" && renderedSub !== null && renderedSub !== auth.user.sub) {
      return dependencies.reloadPage();
    }
    const endsAtMs = sessionEndsAtMs(state);
    const hasExpired = endsAtMs !== null && endsAtMs <= dependencies.nowMs() + expiryMarginMs;
    const reason = reportedReason ?? (hasExpired ? "session_expired" : null);
    reportedReason = null;
    setState(transition.sessionLoaded(state, auth, reason));
    scheduleExpiryCheck();
  }

  function scheduleExpiryCheck(): void {
    cancelTimer();
    const endsAtMs = sessionEndsAtMs(state);
    if (endsAtMs === null) return;
    const remainingMs = endsAtMs - dependencies.nowMs();
    const delayMs = remainingMs > 0 ? remainingMs + expiryMarginMs : overdueCheckMs;
    cancelTimer = dependencies.setTimer(Math.min(delayMs, maxTimerMs), () => void check());
  }

  function reportFailure(failure: Failure): void {
    const retryAfterMs = failure.kind === "problem" ? failure.problem.retryAfterMs : null;
    const delayMs = Math.min(backoffMs(failedChecks, retryAfterMs, dependencies.random()), maxTimerMs);
    failedChecks += 1;
    setState(transition.checkFailed(state, failure, dependencies.nowMs() + delayMs));
    cancelTimer();
    cancelTimer = dependencies.setTimer(delayMs, () => void check());
  }

  function startCheck(): Promise<void> {
    // The response of an earlier check may predate a logout and would show the user again.
    inFlight?.abort.abort();
    clearDueCheck();
    lastCheckStartedAtMs = dependencies.nowMs();
    const abort = new AbortController();
    setState(transition.checkStarted(state));
    const promise = dependencies.fetchUser(abort.signal).then((outcome) => {
      if (abort.signal.aborted) return inFlight?.promise;
      inFlight = null;
      handleOutcome(outcome);
      // After a failure the scheduled retry covers the due check: Retry-After is respected.
      if (isCheckDue && outcome.kind === "ok") void checkThrottled();
      return undefined;
    });
    inFlight = { promise, abort };
    return promise;
  }

  function check(): Promise<void> {
    if (inFlight === null) return startCheck();
    isCheckDue = true;
    return inFlight.promise;
  }

  function checkBecauseOf(reason: EndReason): Promise<void> {
    reportedReason = reason;
    return startCheck();
  }

  function checkThrottled(): Promise<void> {
    const nextAtMs = lastCheckStartedAtMs + minCheckIntervalMs;
    const delayMs = Math.min(nextAtMs - dependencies.nowMs(), minCheckIntervalMs);
    if (inFlight !== null || delayMs <= 0) return check();
    clearDueCheck();
    isCheckDue = true;
    cancelDueCheck = dependencies.setTimer(delayMs, () => void check());
    return Promise.resolve();
  }

  function clearDueCheck(): void {
    isCheckDue = false;
    cancelDueCheck();
  }

  function cancelChecks(): void {
    inFlight?.abort.abort();
    inFlight = null;
    reportedReason = null;
    clearDueCheck();
    cancelTimer();
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => state,
    ensureLoaded: () => {
      if (inFlight !== null) return inFlight.promise;
      return state.auth.kind === "unknown" && state.checkError === null ? startCheck() : Promise.resolve();
    },
    receive: (message) => {
      if (message === "changed") return checkThrottled();
      if (message === "logged-out") return checkBecauseOf("logged_out_elsewhere");
      const reason = endReasonOf(message);
      if (reason !== null) return checkBecauseOf(reason);
      setState(transition.expiryChanged(state, message === "expiring"));
      return check();
    },
    check,
    checkIfOlderThan: (maxAgeMs) => {
      if (inFlight !== null) return inFlight.promise;
      // Browsers throttle the timers of background tabs, so a due check may be late.
      return isCheckDue || dependencies.nowMs() - lastCheckStartedAtMs > maxAgeMs ? startCheck() : Promise.resolve();
    },
    markEnded: (reason, sentAtMs) => {
      const mayHaveNewSession = inFlight !== null || isCheckDue || lastCheckStartedAtMs >= sentAtMs;
      cancelChecks();
      setState(transition.sessionEnded(state, reason));
      if (mayHaveNewSession) void checkBecauseOf(reason);
    },
    reportFailure,
    hideAndCheck: () => {
      cancelChecks();
      setState(transition.sessionHidden(state));
      return startCheck();
    },
    markLoggedOut: () => {
      cancelChecks();
      setState(transition.loggedOut());
    },
    dismissEndReason: () => setState(transition.endReasonDismissed(state)),
  };
}
