// Session store of this tab. Checks (GET /bff/user) are single-flight with a trailing edge: a message that arrives
// while a check is in flight, or shortly after one, causes one more check, because the response may predate the message.
import { backoffMs } from "./backoff.ts";
import { createListeners } from "./listeners.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { type TabMessage, eventOf } from "./session-messages.ts";
import {
  type EndReason,
  type LogoutState,
  type SessionState,
  type TabState,
  initialState,
  sessionEnded,
  sessionHidden,
  sessionLoaded,
} from "./session-state.ts";
import type { UserResponse } from "./user.ts";

export interface UserChange {
  /** `sub` of the user whose data the page shows. */
  readonly renderedSub: string;
  /** `sub` of the user who has logged in since. */
  readonly sub: string;
}

/** Time and randomness, parameters for tests. */
export interface Clock {
  readonly nowMs: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** @returns cancels the timer */
  readonly setTimer: (delayMs: number, run: () => void) => () => void;
}

export interface SessionStoreDependencies<User> {
  readonly clock: Clock;
  readonly fetchUser: (signal: AbortSignal) => Promise<Outcome<UserResponse<User>>>;
  /** Called when another user has logged in: nothing rendered for the previous user may remain. */
  readonly onUserChanged: (change: UserChange) => void;
}

export interface SessionStore<User> {
  readonly subscribe: (listener: () => void) => () => void;
  readonly getState: () => SessionState<User>;
  /** The handle of the session for which this page was rendered; kept when the session ends, until a logout. */
  readonly handle: () => string | null;
  /** Checks unless the state is known; joins a check in flight. */
  readonly ensureLoaded: () => Promise<void>;
  /** Sets a state that the server has rendered, unless the state is known. */
  readonly seed: (response: UserResponse<User>) => void;
  /** Handles a message of another tab or an event of the gateway. A check that starts after this call verifies it. */
  readonly receive: (message: TabMessage) => Promise<void>;
  readonly check: () => Promise<void>;
  /** Checks if the last check started more than `maxAgeMs` ago. */
  readonly recheck: (maxAgeMs: number) => Promise<void>;
  /**
   * Handles a 401 that ended the session.
   * @param sentAtMs when the rejected request was sent. If a check has started since, a login may have replaced the
   * session, and it is checked again.
   */
  readonly end: (reason: EndReason, sentAtMs: number) => void;
  /** Shows the failure and schedules a check with exponential backoff. */
  readonly fail: (failure: Failure) => void;
  /** Hides everything personal until a check has completed. */
  readonly restore: () => Promise<void>;
  readonly setLogout: (logout: LogoutState) => void;
  /** Handles a logout in this tab, after the gateway has acknowledged it. */
  readonly clear: () => void;
  readonly dismissEndReason: () => void;
  /** No timer runs until `resume`. Checks in flight complete. */
  readonly pause: () => void;
  readonly resume: () => void;
}

/** At most one check per interval because of messages: tabs that open together send many. */
const minCheckIntervalMs = 300;
/** Added to the expiry time, because timers fire early and clocks differ. */
const expiryMarginMs = 1_500;
/** Interval of checks when the gateway still knows a session that has expired by this machine's clock. */
const overdueCheckMs = 15_000;
/** Below setTimeout's limit of 2^31 - 1 ms, above which it fires at once. */
const maxTimerMs = 2_000_000_000;

export function createSessionStore<User>(dependencies: SessionStoreDependencies<User>): SessionStore<User> {
  const { clock, fetchUser, onUserChanged } = dependencies;
  const listeners = createListeners<[]>();
  let state: SessionState<User> = initialState;
  let handle: string | null = null;
  let isPaused = false;
  let inFlight: { readonly promise: Promise<void>; readonly abort: AbortController } | null = null;
  /** A message has arrived since the last check started. */
  let isCheckDue = false;
  /** The reason in the last message, until a response confirms that the session has ended. */
  let reportedReason: EndReason | null = null;
  let failedChecks = 0;
  let lastCheckStartedAtMs = Number.NEGATIVE_INFINITY;
  let cancelTimer = (): void => undefined;
  let cancelDueCheck = (): void => undefined;

  function setState(next: SessionState<User>): void {
    state = next;
    if (state.status === "authenticated") handle = state.session.handle || null;
    else if (state.renderedSub === null) handle = null;
    listeners.emit();
  }

  function change(changed: Partial<TabState>): void {
    setState({ ...state, ...changed });
  }

  function startTimer(delayMs: number): () => void {
    return isPaused ? () => undefined : clock.setTimer(Math.min(delayMs, maxTimerMs), () => void check());
  }

  function handleOutcome(outcome: Outcome<UserResponse<User>>): void {
    if (outcome.kind === "cancelled") return;
    if (outcome.kind !== "ok") return fail(outcome);
    failedChecks = 0;
    const { sub } = outcome.value;
    const { renderedSub, hasUserChanged } = state;
    if (sub !== null && renderedSub !== null && renderedSub !== sub) {
      cancelTimer();
      // What the page shows stays: its user must load it again, and meanwhile no request can act as the other user.
      change({ isChecking: false, error: null, hasUserChanged: true });
      if (!hasUserChanged) onUserChanged({ renderedSub, sub });
      return;
    }
    const { endsAtMs } = state;
    const hasExpired = endsAtMs !== null && endsAtMs <= clock.nowMs() + expiryMarginMs;
    const reason = reportedReason ?? (hasExpired ? "session_expired" : null);
    reportedReason = null;
    setState(sessionLoaded(state, outcome.value, reason));
    scheduleExpiryCheck();
  }

  function scheduleExpiryCheck(): void {
    cancelTimer();
    if (state.endsAtMs === null) return;
    const remainingMs = state.endsAtMs - clock.nowMs();
    cancelTimer = startTimer(remainingMs > 0 ? remainingMs + expiryMarginMs : overdueCheckMs);
  }

  function fail(failure: Failure): void {
    const retryAfterMs = failure.kind === "problem" ? failure.problem.retryAfterMs : null;
    const delayMs = backoffMs(failedChecks, retryAfterMs, clock.random());
    failedChecks += 1;
    // Keeps user and session: an outage does not log anyone out.
    change({ isChecking: false, error: { failure, retryAtMs: clock.nowMs() + delayMs } });
    cancelTimer();
    cancelTimer = startTimer(delayMs);
  }

  function startCheck(): Promise<void> {
    // The response of an earlier check may predate a logout and would show the user again.
    inFlight?.abort.abort();
    clearDueCheck();
    lastCheckStartedAtMs = clock.nowMs();
    const abort = new AbortController();
    change({ isChecking: true });
    const promise = fetchUser(abort.signal).then((outcome) => {
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

  async function checkIf(isNeeded: boolean): Promise<void> {
    if (inFlight !== null) await inFlight.promise;
    else if (isNeeded) await startCheck();
  }

  function checkBecauseOf(reason: EndReason): Promise<void> {
    reportedReason = reason;
    return startCheck();
  }

  function checkThrottled(): Promise<void> {
    const nextAtMs = lastCheckStartedAtMs + minCheckIntervalMs;
    const delayMs = Math.min(nextAtMs - clock.nowMs(), minCheckIntervalMs);
    if (inFlight !== null || delayMs <= 0) return check();
    clearDueCheck();
    isCheckDue = true;
    cancelDueCheck = startTimer(delayMs);
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
    subscribe: listeners.add,
    getState: () => state,
    handle: () => handle,
    ensureLoaded: () => checkIf(state.status === "unknown" && state.error === null),
    seed: (response) => {
      if (state.status !== "unknown") return;
      setState(sessionLoaded(state, response, null));
      scheduleExpiryCheck();
    },
    receive: (message) => {
      if (message === "changed") return checkThrottled();
      const event = eventOf(message);
      if (event?.type === "ended") return checkBecauseOf(event.reason);
      change({ isExpiring: message === "expiring" });
      return check();
    },
    check,
    // Browsers throttle the timers of background tabs, so a due check may be late.
    recheck: (maxAgeMs) => checkIf(isCheckDue || clock.nowMs() - lastCheckStartedAtMs > maxAgeMs),
    end: (reason, sentAtMs) => {
      const mayHaveNewSession = inFlight !== null || isCheckDue || lastCheckStartedAtMs >= sentAtMs;
      cancelChecks();
      setState(sessionEnded(state, reason));
      if (mayHaveNewSession) void checkBecauseOf(reason);
    },
    fail,
    restore: () => {
      cancelChecks();
      setState(sessionHidden(state));
      return startCheck();
    },
    setLogout: (logout) => change({ logout }),
    clear: () => {
      cancelChecks();
      setState(sessionEnded({ ...state, renderedSub: null }, null));
    },
    dismissEndReason: () => change({ endReason: null }),
    pause: () => {
      isPaused = true;
      cancelTimer();
      cancelDueCheck();
    },
    resume: () => {
      isPaused = false;
      if (state.error === null) scheduleExpiryCheck();
      else void check();
    },
  };
}
