// Loader that requires a session and sends the browser to the login otherwise. Not an access check: the gateway
// authorizes every request.
import type { Client, LoginOptions, Session, SessionState } from "@cloakroom/client";
import { type LoaderFunctionArgs, redirectDocument } from "react-router";
import { isStrongEnough, loginOptionsOf, type RequiredLevel } from "../authentication-level.ts";
import { claimAutomaticLogin, mayStartByItself, resetAutomaticLogin } from "../automatic-login.ts";
import { sessionRouteError } from "./session-route-error.ts";

export interface SessionData<User> {
  readonly user: User;
  readonly session: Session;
}

export interface RequireSessionLoaderOptions<User, Data> extends RequiredLevel {
  /** Loads the route's data once the session is known. Default: returns `user` and `session`. */
  readonly load: (args: LoaderFunctionArgs & SessionData<User>) => Data | Promise<Data>;
}

// The overload with `load` is the first one: after the other has been tried, the parameters of `load` beside a level are `any`.
/**
 * A loader that returns the session, or what `load` returns. Without a session it redirects to the login, which returns
 * to the requested page; once per tab, and never where the session of the page has ended. It then throws
 * `login_required`, for `sessionErrorOf` in an ErrorBoundary. It waits while a logout is in progress.
 */
export function requireSession<User, Data>(
  client: Client<User>,
  options: RequireSessionLoaderOptions<User, Data>,
): (args: LoaderFunctionArgs) => Promise<Data>;
export function requireSession<User>(
  client: Client<User>,
  level?: RequiredLevel,
): (args: LoaderFunctionArgs) => Promise<SessionData<User>>;
export function requireSession<User>(
  client: Client<User>,
  options: RequiredLevel & Partial<RequireSessionLoaderOptions<User, unknown>> = {},
): (args: LoaderFunctionArgs) => Promise<unknown> {
  /** As in RequireSession: a login that grows too old does not remove the page. */
  let admittedSub: string | null = null;
  return async (args) => {
    const { request } = args;
    const state = await untilNoLogout(client, request.signal);
    if (state.status === "unknown") throw sessionRouteError({ code: "session_unavailable" });
    if (state.status === "anonymous") throw loginRequired(client, state, request);
    const { user, session, renderedSub } = state;
    resetAutomaticLogin();
    if (renderedSub !== admittedSub && !isStrongEnough(session, options)) {
      throw stepUpRequired(client, options, request);
    }
    admittedSub = renderedSub;
    return options.load === undefined ? { user, session } : options.load({ ...args, user, session });
  };
}

/** A redirect to the login would cancel the navigation to the provider's logout. */
async function untilNoLogout<User>(client: Client<User>, signal: AbortSignal): Promise<SessionState<User>> {
  const state = await client.ensureLoaded();
  if (state.logout.kind !== "pending") return state;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      const next = client.getState();
      if (next.logout.kind === "pending" && !signal.aborted) return;
      unsubscribe();
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason as Error);
      else client.ensureLoaded().then(resolve, reject);
    };
    const unsubscribe = client.subscribe(settle);
    signal.addEventListener("abort", settle);
  });
}

function loginRequired(client: Client<unknown>, state: SessionState<unknown>, request: Request): unknown {
  const loginUrl = loginUrlFor(client, request);
  if (mayStartByItself(state) && mayRedirect(request)) return redirectDocument(loginUrl);
  return sessionRouteError({ code: "login_required", loginUrl, endReason: state.endReason });
}

function stepUpRequired(client: Client<unknown>, level: RequiredLevel, request: Request): unknown {
  const loginUrl = loginUrlFor(client, request, loginOptionsOf(level));
  // In the page that asks for it, the user confirms it: after a login that did not reach the level it would be a loop.
  return isCurrentPage(request)
    ? sessionRouteError({ code: "step_up_required", loginUrl })
    : redirectDocument(loginUrl);
}

/** Always for a link that the user has followed in this app; once per tab when the document itself was loaded. */
function mayRedirect(request: Request): boolean {
  return claimAutomaticLogin() || !isCurrentPage(request);
}

function isCurrentPage({ url }: Request): boolean {
  return url.split("#")[0] === window.location.href.split("#")[0];
}

/** Absolute, because a router with a basename would prepend it to a path. */
function loginUrlFor(client: Client<unknown>, { url }: Request, options: LoginOptions = {}): string {
  const { pathname, search } = new URL(url);
  return new URL(client.loginUrl({ ...options, returnTo: `${pathname}${search}` }), url).href;
}
