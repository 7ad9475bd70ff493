// Session state of this tab and its transitions, as pure functions without clock or network.
import type { Problem, SessionEndCode } from "../server/problem.ts";
import type { Failure } from "../server/request.ts";
import type { Auth } from "../server/user.ts";

/** Why the session has ended: the code of a 401, or a more precise reason from another tab or from `/bff/events`. */
export type EndReason = SessionEndCode | "logged_out_elsewhere" | "provider_logout" | "session_limit";

/** The last check failed. Whether the session still exists is unknown. */
export interface CheckError {
  readonly kind: "offline" | "unavailable";
  readonly problem: Problem | null;
  readonly retryAtMs: number;
}

export interface SessionState {
  readonly auth: Auth | { readonly kind: "unknown" };
  readonly endReason: EndReason | null;
  readonly checkError: CheckError | null;
  readonly isChecking: boolean;
  /** The gateway sent `session-expiring`. */
  readonly isExpiring: boolean;
  /** The user whose data this page has rendered; kept when the session ends, until a logout in this tab. */
  readonly renderedSub: string | null;
}

export const initialState: SessionState = {
  auth: { kind: "unknown" },
  endReason: null,
  checkError: null,
  isChecking: false,
  isExpiring: false,
  renderedSub: null,
};

export function checkStarted(state: SessionState): SessionState {
  return { ...state, isChecking: true };
}

/** @param endReason why the session has ended, if `auth` is anonymous */
export function sessionLoaded(state: SessionState, auth: Auth, endReason: EndReason | null): SessionState {
  if (auth.kind === "authenticated") {
    // `isExpiring` belongs to one session and is dropped when a login in another tab has replaced that session.
    const isSameSession = state.auth.kind !== "authenticated" || state.auth.session.handle === auth.session.handle;
    return { ...initialState, auth, isExpiring: state.isExpiring && isSameSession, renderedSub: auth.user.sub };
  }
  const hadSession = state.auth.kind === "authenticated" || endReason !== null;
  return {
    ...initialState,
    auth,
    endReason: state.endReason ?? (hadSession ? (endReason ?? "session_missing") : null),
    renderedSub: state.renderedSub,
  };
}

/** Keeps `auth`: an outage does not log anyone out. */
export function checkFailed(state: SessionState, failure: Failure, retryAtMs: number): SessionState {
  const kind = failure.kind === "offline" ? "offline" : "unavailable";
  const problem = failure.kind === "problem" ? failure.problem : null;
  return { ...state, isChecking: false, checkError: { kind, problem, retryAtMs } };
}

export function expiryChanged(state: SessionState, isExpiring: boolean): SessionState {
  return { ...state, isExpiring };
}

export function sessionEnded({ renderedSub }: SessionState, endReason: EndReason): SessionState {
  return { ...initialState, auth: { kind: "anonymous" }, endReason, renderedSub };
}

export function loggedOut(): SessionState {
  return { ...initialState, auth: { kind: "anonymous" } };
}

/** Hides everything personal until the next check has completed. */
export function sessionHidden({ endReason, renderedSub }: SessionState): SessionState {
  return { ...initialState, endReason, renderedSub };
}

export function endReasonDismissed(state: SessionState): SessionState {
  return { ...state, endReason: null };
}

/** The earlier of idle and absolute limit; null if there is no session or no limit. */
export function sessionEndsAtMs(state: SessionState): number | null {
  if (state.auth.kind !== "authenticated") return null;
  const { idleExpiresAtMs, expiresAtMs } = state.auth.session;
  const times = [idleExpiresAtMs, expiresAtMs].filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}
