// Keeps who is logged in for the whole tab. Checks are single-flight with a trailing edge: a message that arrives while
// a check is in flight, or shortly after one, leads to one more check, because the response may be older than the message.
import type { Outcome } from "../server/request.ts";
import type { Failure } from "../server/request.ts";
import type { Who } from "../server/user.ts";
import { backoffMs } from "./backoff.ts";
import { type TabMessage, endReasonOf } from "./session-news.ts";
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
  /** Checks unless the response is already known or on its way. */
  readonly known: () => Promise<void>;
  /** Another tab or the gateway reports a change; a check that starts after this call finds out what is true now. */
  readonly receive: (message: TabMessage) => Promise<void>;
  readonly check: () => Promise<void>;
  readonly checkIfOlderThan: (ageMs: number) => Promise<void>;
  /**
   * The gateway said 401: the session is over, what the user typed is not.
   * @param sentAtMs when the refused request was sent: the cookie may have been replaced since
   */
  readonly end: (reason: EndReason, sentAtMs: number) => void;
  readonly fail: (failure: Failure) => void;
  /** Hides everything personal until the gateway has responded again. */
  readonly conceal: () => Promise<void>;
  /** Logged out in this tab, acknowledged by the gateway. */
  readonly forget: () => void;
  readonly dismissEnd: () => void;
}

/** Many tabs that open at once send many messages: at most one check per this time because of them. */
const leastGapMs = 300;
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
  /** A message has arrived that no check covers yet. */
  let isDue = false;
  /** The reason of the last message, until a response settles whether the session is gone. */
  let hint: EndReason | null = null;
  let attempt = 0;
  let startedAtMs = Number.NEGATIVE_INFINITY;
  let drawnForSub: string | null = null;
  let cancelTimer = (): void => undefined;
  let cancelDue = (): void => undefined;

  function become(next: SessionState): void {
    state = next;
    for (const listener of listeners) listener();
  }

  function settle(outcome: Outcome<Who>): void {
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
    const reason = hint ?? (ranOut ? "session_expired" : null);
    hint = null;
    become(afterAnswer(state, who, reason));
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

  function start(): Promise<void> {
    // A response that left the gateway before the logout would bring the user back on screen.
    flight?.abort.abort();
    coverDue();
    startedAtMs = parts.nowMs();
    const abort = new AbortController();
    become({ ...state, isChecking: true });
    const promise = parts.askUser(abort.signal).then((outcome) => {
      if (abort.signal.aborted) return flight?.promise;
      flight = null;
      settle(outcome);
      // After a failure the retry is the check that is due: no sooner than the server asked for.
      if (isDue && outcome.kind === "ok") void checkSoon();
      return undefined;
    });
    flight = { promise, abort };
    return promise;
  }

  function check(): Promise<void> {
    if (flight === null) return start();
    isDue = true;
    return flight.promise;
  }

  function checkFor(reason: EndReason): Promise<void> {
    hint = reason;
    return start();
  }

  function checkSoon(): Promise<void> {
    const waitMs = Math.min(startedAtMs + leastGapMs - parts.nowMs(), leastGapMs);
    if (flight !== null || waitMs <= 0) return check();
    coverDue();
    isDue = true;
    cancelDue = parts.after(waitMs, () => void check());
    return Promise.resolve();
  }

  function coverDue(): void {
    isDue = false;
    cancelDue();
  }

  function stopAsking(): void {
    flight?.abort.abort();
    flight = null;
    hint = null;
    coverDue();
    cancelTimer();
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => state,
    known: () => {
      if (flight !== null) return flight.promise;
      return state.who.kind === "unknown" && state.trouble === null ? start() : Promise.resolve();
    },
    receive: (message) => {
      if (message === "changed") return checkSoon();
      if (message === "logged-out") return checkFor("logged_out_elsewhere");
      const reason = endReasonOf(message);
      if (reason !== null) return checkFor(reason);
      become({ ...state, isExpiring: message === "expiring" });
      return check();
    },
    check,
    checkIfOlderThan: (ageMs) => {
      if (flight !== null) return flight.promise;
      // A background tab's timers run late: what is due is made up for here.
      return isDue || parts.nowMs() - startedAtMs > ageMs ? start() : Promise.resolve();
    },
    end: (reason, sentAtMs) => {
      const isOvertaken = flight !== null || isDue || startedAtMs >= sentAtMs;
      stopAsking();
      become({ ...afterEnd(state, reason), isChecking: false, trouble: null });
      if (isOvertaken) void checkFor(reason);
    },
    fail,
    conceal: () => {
      stopAsking();
      become({ ...initialState, ended: state.ended });
      return start();
    },
    forget: () => {
      stopAsking();
      drawnForSub = null;
      become({ ...initialState, who: { kind: "nobody" } });
    },
    dismissEnd: () => become({ ...state, ended: null }),
  };
}
