// What this tab knows of the session, and how an answer of the gateway changes it. Pure: no clock, no network.
import type { Problem, SessionEndCode } from "../server/problem.ts";
import type { Failure } from "../server/request.ts";
import type { Who } from "../server/user.ts";

/** Why there is no session any more: the code of a 401, or what a tab or the gateway's events tell more exactly. */
export type EndReason = SessionEndCode | "logged_out_elsewhere" | "provider_logout" | "session_limit";

/** The session could not be checked. That never means that it is over. */
export interface Trouble {
  readonly kind: "offline" | "unavailable";
  readonly problem: Problem | null;
  readonly retryAtMs: number;
}

export interface SessionState {
  readonly who: Who | { readonly kind: "unknown" };
  readonly ended: EndReason | null;
  readonly trouble: Trouble | null;
  readonly isChecking: boolean;
  /** The gateway warned that the end is near. */
  readonly isExpiring: boolean;
}

export const initialState: SessionState = {
  who: { kind: "unknown" },
  ended: null,
  trouble: null,
  isChecking: false,
  isExpiring: false,
};

/** @param hint the reason to show if the session turns out to be gone. */
export function afterAnswer(before: SessionState, who: Who, hint: EndReason | null): SessionState {
  const isChecking = false;
  if (who.kind === "user") {
    // A warning concerns one session: a login in another tab has replaced it.
    const isReplaced = before.who.kind === "user" && before.who.session.handle !== who.session.handle;
    return { who, ended: null, trouble: null, isChecking, isExpiring: before.isExpiring && !isReplaced };
  }
  const hadUser = before.who.kind === "user" || hint !== null;
  const ended = before.ended ?? (hadUser ? (hint ?? "session_missing") : null);
  return { who, ended, trouble: null, isChecking, isExpiring: false };
}

export function afterFailure(before: SessionState, failure: Failure, retryAtMs: number): SessionState {
  const kind = failure.kind === "offline" ? "offline" : "unavailable";
  const problem = failure.kind === "problem" ? failure.problem : null;
  return { ...before, isChecking: false, trouble: { kind, problem, retryAtMs } };
}

export function afterEnd(before: SessionState, reason: EndReason): SessionState {
  return { ...before, who: { kind: "nobody" }, ended: reason, isExpiring: false };
}

/** When the session will be over if nobody does anything, or null. */
export function endsAtMs(state: SessionState): number | null {
  if (state.who.kind !== "user") return null;
  const { idleExpiresAtMs, expiresAtMs } = state.who.session;
  const times = [idleExpiresAtMs, expiresAtMs].filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}
