// What useSession returns: the client's state as one object, whose identity changes only with its content.
import type { CheckError, Client, EndReason, LogoutState, Session, SessionState } from "@cloakroom/client";
import { reuse } from "./reuse.ts";

/** Stable functions of the client. */
export type SessionActions = Pick<
  Client<unknown>,
  "login" | "loginUrl" | "logout" | "dismissEndReason" | "dismissLogoutFailure"
>;

interface CommonView extends SessionActions {
  /** Why the session has ended; null while there is one, and where there was none before. */
  readonly endReason: EndReason | null;
  /** The last check failed and is repeated automatically. The user stays logged in meanwhile. */
  readonly error: CheckError | null;
  /** Progress and failure of the last `logout()`. A user is logged out only once the gateway has confirmed it. */
  readonly logoutState: LogoutState;
  /** The gateway has announced that the session is about to end. */
  readonly isExpiring: boolean;
  /** Another user has logged in in this browser; see `onUserChanged` of the client. */
  readonly hasUserChanged: boolean;
  /** `sub` of the user whose data this page shows; kept when the session ends, until a logout in this tab. */
  readonly renderedSub: string | null;
}

interface WithoutSession {
  readonly user: null;
  readonly session: null;
  readonly expiresAt: null;
}

/** Not known yet whether a user is logged in. The state on a server, and after a return from the back-forward cache. */
export interface LoadingSession extends CommonView, WithoutSession {
  readonly status: "loading";
}

/** The first check has failed. Whether a user is logged in is unknown: offer no login. */
export interface UnavailableSession extends CommonView, WithoutSession {
  readonly status: "unavailable";
  readonly error: CheckError;
}

export interface AnonymousSession extends CommonView, WithoutSession {
  readonly status: "anonymous";
}

export interface AuthenticatedSession<User> extends CommonView {
  readonly status: "authenticated";
  /** The claims, or what `parseUser` of the client returns. */
  readonly user: User;
  readonly session: Session;
  /** The earlier of idle and absolute limit; null without a limit. Requests through the gateway extend the idle limit. */
  readonly expiresAt: Date | null;
}

export type SessionView<User> = LoadingSession | UnavailableSession | AnonymousSession | AuthenticatedSession<User>;

const snapshots = new WeakMap<Client<unknown>, () => SessionView<unknown>>();

/** The view of a client's state, shared by all its providers and hooks. */
export function snapshotOf(client: Client<unknown>): () => SessionView<unknown> {
  const known = snapshots.get(client);
  if (known !== undefined) return known;
  const created = createSnapshot(client);
  snapshots.set(client, created);
  return created;
}

function createSnapshot(client: Client<unknown>): () => SessionView<unknown> {
  let state = client.getState();
  let view = toView(client, state);
  return () => {
    const next = client.getState();
    if (next !== state) {
      state = next;
      view = reuse(view, toView(client, next));
    }
    return view;
  };
}

export function toView(client: Client<unknown>, state: SessionState<unknown>): SessionView<unknown> {
  const common = {
    login: client.login,
    loginUrl: client.loginUrl,
    logout: client.logout,
    dismissEndReason: client.dismissEndReason,
    dismissLogoutFailure: client.dismissLogoutFailure,
    endReason: state.endReason,
    error: state.error,
    logoutState: state.logout,
    isExpiring: state.isExpiring,
    hasUserChanged: state.hasUserChanged,
    renderedSub: state.renderedSub,
  };
  if (state.status === "authenticated") {
    const expiresAt = state.endsAtMs === null ? null : new Date(state.endsAtMs);
    return { ...common, status: "authenticated", user: state.user, session: state.session, expiresAt };
  }
  const none = { user: null, session: null, expiresAt: null } as const;
  if (state.status === "anonymous") return { ...common, ...none, status: "anonymous" };
  if (state.error === null) return { ...common, ...none, status: "loading" };
  return { ...common, ...none, status: "unavailable", error: state.error };
}
