// Renders its children for logged-in users. Not an access check: the gateway authorizes every request.
"use client";
import type { DefaultClaims } from "@cloakroom/client";
import { Fragment, type ReactNode, useEffect, useState } from "react";
import { isStrongEnough, loginOptionsOf, type RequiredLevel } from "./authentication-level.ts";
import { resetAutomaticLogin, startAutomaticLogin } from "./automatic-login.ts";
import type { AnonymousSession, AuthenticatedSession, SessionView, UnavailableSession } from "./session-view.ts";
import { useSession, useSessionClient } from "./use-session.ts";

type Render<Props> = ReactNode | ((props: Props) => ReactNode);

export interface StepUpRequired<User> {
  readonly session: AuthenticatedSession<User>;
  /** Navigates to the login that reaches the level, and back to this page. */
  readonly stepUp: () => void;
}

interface CommonProps<User> extends RequiredLevel {
  /** While it is not known whether a user is logged in, and while a login starts. */
  readonly fallback?: ReactNode;
  /** The first check of the session has failed and is repeated. Default: `fallback`. */
  readonly unavailable?: Render<UnavailableSession>;
  /**
   * For users who are not logged in. Default: the login starts automatically, once per tab; where it must not (the session
   * of this page has ended, or an earlier login has not led to a session), a button starts it.
   */
  readonly anonymous?: Render<AnonymousSession>;
  /** The session does not reach `acrValues` or `maxAge`. Default: a button that starts the stronger login. */
  readonly stepUp?: Render<StepUpRequired<User>>;
}

export type RequireSessionProps<User> = CommonProps<User> &
  (
    | { readonly keepWhenEnded?: false; readonly children: Render<AuthenticatedSession<User>> }
    | {
        /**
         * Keeps the children, and what was typed into them, when their session ends. They must then hide what is
         * personal: the screen may be unattended. Another user never sees them.
         */
        readonly keepWhenEnded: true;
        readonly children: Render<AuthenticatedSession<User> | AnonymousSession>;
      }
  );

export function RequireSession<User = DefaultClaims>(props: RequireSessionProps<User>): ReactNode {
  const { fallback = null, unavailable = fallback, anonymous, stepUp, keepWhenEnded = false, children } = props;
  const session = useSession<User>();
  const isAdmitted = useAdmission(session, props);
  const render = children as Render<SessionView<User>>;
  const isKept = keepWhenEnded && session.endReason !== null && session.renderedSub !== null;
  switch (session.status) {
    case "loading":
      return fallback;
    case "unavailable":
      return resolve(unavailable, session);
    case "anonymous":
      if (isKept) return <OfUser key={session.renderedSub}>{resolve(render, session)}</OfUser>;
      return anonymous === undefined ? <Login session={session} fallback={fallback} /> : resolve(anonymous, session);
    case "authenticated":
      if (!isAdmitted) return <StepUp level={props} session={session} element={stepUp} />;
      return <OfUser key={session.renderedSub}>{resolve(render, session)}</OfUser>;
  }
}

function resolve<Props>(element: Render<Props>, props: Props): ReactNode {
  return typeof element === "function" ? element(props) : element;
}

/** With the user's `sub` as key: no state of the children survives a change of the user. */
const OfUser = Fragment;

/**
 * Decided once per user: a login that grows too old while its page is shown does not remove the page with its input. The
 * gateway then rejects the request, with `step_up_required`.
 */
function useAdmission(session: SessionView<unknown>, level: RequiredLevel): boolean {
  const [admittedSub, setAdmittedSub] = useState<string | null>(null);
  const isAuthenticated = session.status === "authenticated";
  useEffect(() => {
    if (isAuthenticated) resetAutomaticLogin();
  }, [isAuthenticated]);
  if (!isAuthenticated) return false;
  const { renderedSub } = session;
  if (renderedSub === admittedSub) return true;
  if (!isStrongEnough(session.session, level)) return false;
  setAdmittedSub(renderedSub);
  return true;
}

interface LoginProps {
  readonly session: AnonymousSession;
  readonly fallback: ReactNode;
}

function Login({ session, fallback }: LoginProps) {
  const client = useSessionClient();
  const [isManual, setIsManual] = useState(false);
  useEffect(() => {
    // Deferred: StrictMode runs an effect twice, and the second run would find the attempt used.
    const timer = setTimeout(() => setIsManual(!startAutomaticLogin(client)));
    return () => clearTimeout(timer);
  }, [client]);
  if (!isManual || session.logoutState.kind === "pending") return fallback;
  return (
    <div>
      <p>{session.endReason === null ? "Log in to see this page." : "Your session has ended."}</p>
      <button type="button" onClick={() => session.login()}>
        Log in
      </button>
    </div>
  );
}

interface StepUpProps<User> {
  readonly level: RequiredLevel;
  readonly session: AuthenticatedSession<User>;
  readonly element: Render<StepUpRequired<User>> | undefined;
}

function StepUp<User>({ level, session, element }: StepUpProps<User>) {
  const stepUp = (): void => session.login(loginOptionsOf(level));
  if (element !== undefined) return resolve(element, { session, stepUp });
  return (
    <div>
      <p>This page requires a stronger or more recent login.</p>
      <button type="button" onClick={stepUp}>
        Confirm that it is you
      </button>
    </div>
  );
}
