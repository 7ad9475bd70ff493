// Session state of this tab and its transitions, as pure functions without clock or network.
import type { Failure } from "./outcome.ts";
import type { SessionEndCode } from "./problem.ts";
import { type Anonymous, type Auth, type Session, type UserResponse, anonymous } from "./user.ts";

/** Why the session has ended: the code of a 401, or a more precise reason from another tab or from `/bff/events`. */
export type EndReason = SessionEndCode | "logged_out_elsewhere" | "provider_logout" | "session_limit";

/** The last check failed. Whether the session still exists is unknown. */
export interface CheckError {
  readonly failure: Failure;
  /** When the client checks again. */
  readonly retryAtMs: number;
}

/**
 * A logout in this tab. `pending` lasts until the next page has loaded: meanwhile the app must not navigate. `failed`
 * means that the gateway has not confirmed the logout: the user may still be logged in, and a page should say so.
 */
export type LogoutState =
  | { readonly kind: "idle" }
  | { readonly kind: "pending"; readonly everywhere: boolean }
  | { readonly kind: "failed"; readonly everywhere: boolean; readonly failure: Failure };

export interface TabState {
  /** Null while there is a session, and where there has been none. */
  readonly endReason: EndReason | null;
  readonly error: CheckError | null;
  readonly isChecking: boolean;
  /** The gateway sent `session-expiring`. */
  readonly isExpiring: boolean;
  /** The earlier of idle and absolute limit; null if there is no session or no limit. */
  readonly endsAtMs: number | null;
  /** The user whose data this page has rendered; kept when the session ends, until a logout in this tab. */
  readonly renderedSub: string | null;
  /** Another user has logged in in this browser: requests of this page receive 409 until it is loaded again. */
  readonly hasUserChanged: boolean;
  readonly logout: LogoutState;
}

/** `unknown`: not checked yet, or hidden because the page comes from the back-forward cache. */
interface Unknown {
  readonly status: "unknown";
  readonly user: null;
  readonly session: null;
}

export type SessionState<User> = TabState & (Unknown | Auth<User>);

const unknown: Unknown = { status: "unknown", user: null, session: null };

const initialTab: TabState = {
  endReason: null,
  error: null,
  isChecking: false,
  isExpiring: false,
  endsAtMs: null,
  renderedSub: null,
  hasUserChanged: false,
  logout: { kind: "idle" },
};

/** The state before the first check. */
export const initialState: SessionState<never> = { ...initialTab, ...unknown };

/** What every change of the session keeps. */
function keptOf({ renderedSub, logout }: TabState): TabState {
  return { ...initialTab, renderedSub, logout };
}

/** @param endReason why the session has ended, if `auth` is anonymous */
export function sessionLoaded<User>(
  state: SessionState<User>,
  { auth, sub }: UserResponse<User>,
  endReason: EndReason | null,
): SessionState<User> {
  if (auth.status === "anonymous") {
    const missing = state.status === "authenticated" ? "session_missing" : null;
    return sessionEnded(state, state.endReason ?? endReason ?? missing, auth);
  }
  // `isExpiring` belongs to one session and is dropped when a login in another tab has replaced that session.
  const isSameSession = state.status !== "authenticated" || state.session.handle === auth.session.handle;
  const isExpiring = state.isExpiring && isSameSession;
  return { ...keptOf(state), ...auth, isExpiring, endsAtMs: endsAtMsOf(auth.session), renderedSub: sub };
}

/** @param endReason null if there was no session */
export function sessionEnded<User>(
  state: SessionState<User>,
  endReason: EndReason | null,
  auth: Anonymous = anonymous(),
): SessionState<User> {
  // The session has ended although a logout was not confirmed.
  const logout = state.logout.kind === "failed" ? initialTab.logout : state.logout;
  return { ...keptOf(state), ...auth, endReason, logout };
}

/** Hides everything personal until the next check has completed. */
export function sessionHidden<User>(state: SessionState<User>): SessionState<User> {
  return { ...keptOf(state), ...unknown, endReason: state.endReason };
}

function endsAtMsOf({ idleExpiresAtMs, expiresAtMs }: Session): number | null {
  if (idleExpiresAtMs === null || expiresAtMs === null) return idleExpiresAtMs ?? expiresAtMs;
  return Math.min(idleExpiresAtMs, expiresAtMs);
}
