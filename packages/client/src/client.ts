// The public interface of a client. All functions are closures: they need no `this` and never change.
import type { LoginOptions } from "./login.ts";
import type { LogoutOptions } from "./logout.ts";
import type { Failure, Outcome } from "./outcome.ts";
import type { PageWindow } from "./page-window.ts";
import type { Problem } from "./problem.ts";
import type { FetchInit, RequestOptions } from "./session-fetch.ts";
import type { SessionEvent } from "./session-messages.ts";
import type { SessionState } from "./session-state.ts";
import type { UserChange } from "./session-store.ts";
import type { SessionSummary } from "./sessions.ts";
import type { DefaultClaims, ParseUser } from "./user.ts";

export interface ClientOptions<User = DefaultClaims> {
  /** Where the gateway's endpoints are. Default: "/bff". */
  readonly basePath?: string;
  /**
   * The gateway's POST_LOGOUT_PATH. On that page no silent login starts, and a login returns to "/". Default: "/",
   * without these two exceptions.
   */
  readonly loggedOutPath?: string;
  /** Starts a silent login if the gateway offers one (SILENT_LOGIN=on). Default: true. */
  readonly silentLogin?: boolean;
  /**
   * Makes the app's user of the received claims, for example with a schema. Default: the claims as they are. An error that
   * it throws makes the check fail: the state then has an `error` whose `failure.cause` it is.
   */
  readonly parseUser?: ParseUser<User>;
  /**
   * Called when a check finds that another user has logged in in this browser. Default: reloads the page, so that
   * nothing of the previous user remains. Without a reload, `state.hasUserChanged` stays true and every request of this
   * page is rejected with 409 `session_changed`.
   */
  readonly onUserChanged?: (change: UserChange) => void;
  readonly retry?: {
    /** Per request. Default: 3; 0 turns retries off. */
    readonly maxRetries?: number;
    /** A longer `Retry-After` is not waited for. Default: 30,000. */
    readonly maxDelayMs?: number;
  };
  /** Default: `globalThis.fetch` at the time of each request. */
  readonly fetch?: typeof globalThis.fetch;
  /** For tests. Default: `globalThis.window`; a server has none. */
  readonly window?: PageWindow;
}

export interface NavigationOptions extends LoginOptions {
  /**
   * A JSON value that `takeDraft` returns after the login, such as the input of a form. It is kept in the tab's
   * sessionStorage for at most 15 minutes and only for the user of this page; a logout deletes it. Not for secrets.
   */
  readonly draft?: unknown;
  /** Replaces the current history entry. */
  readonly replace?: boolean;
}

export interface Sessions {
  /** The user's sessions at this gateway, newest first. */
  readonly list: (options?: FetchInit) => Promise<Outcome<readonly SessionSummary[]>>;
  /** Ends another session of the user. The browser's own is ended by `logout`. */
  readonly end: (handle: string, options?: FetchInit) => Promise<Outcome<null>>;
}

/** The session of one page. `Client<unknown>` is the type to which every client is assignable. */
export interface Client<User = DefaultClaims> {
  /** An immutable object, the same one until something changes. */
  readonly getState: () => SessionState<User>;
  /** @returns unsubscribes */
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Starts the tab: first check, timers, messages of other tabs, `/bff/events`, and a silent login if the gateway offers
   * one. Several starts count as one; the tab ends with the last stop and can be started again. Call it before a router
   * reads the URL: it removes the parameter `resume` of a login that returns with a draft. Does nothing on a server.
   * @returns stops; listeners, stream, lock, channel and timers are gone afterwards
   */
  readonly start: () => () => void;
  /** Stops the tab whatever the number of starts. The state stays readable. */
  readonly close: () => void;
  /**
   * Sets the state from the body of `GET /bff/user` with which a server has rendered the page. No effect once the state
   * is known. The first check follows with `start`.
   * @throws SyntaxError for any other body
   */
  readonly seed: (userBody: unknown) => void;
  /** Resolves when the state is known, or the first check has failed. A server's state stays `unknown`. */
  readonly ensureLoaded: () => Promise<SessionState<User>>;
  /** Requests the state (`GET /bff/user`), or joins a check in flight. Does not extend the session. */
  readonly check: () => Promise<SessionState<User>>;
  /** Sets `endReason` to null. */
  readonly dismissEndReason: () => void;

  /**
   * `fetch` with the session. A same-origin request carries `X-CSRF: 1` and, if the page was rendered for a user,
   * `X-Session-Handle`; its redirect to another origin is a network error, because those headers would follow. Requests
   * to other origins reach `fetch` unchanged. Resolves with every response. A 401, 409 or 503 of the gateway updates the
   * state.
   * @throws what fetch throws: TypeError without a response, AbortError or the reason of the signal
   */
  readonly fetch: (input: RequestInfo | URL, init?: FetchInit) => Promise<Response>;
  /**
   * `fetch` with timeout and parsing, and every way to end as a value. Differs from fetch in its defaults: `Accept:
   * application/json`, `cache: "no-store"`, `redirect: "manual"` (a redirect is a problem with status 0).
   * @throws TypeError for arguments that fetch rejects
   */
  readonly request: <T = unknown>(input: RequestInfo | URL, init?: RequestOptions<T>) => Promise<Outcome<T>>;
  /** Parses an error response of `fetch` and leaves its body readable. @returns null for a 2xx response */
  readonly problemOf: (response: Response) => Promise<Problem | null>;

  /** The URL of a login, for a link. */
  readonly loginUrl: (options?: LoginOptions) => string;
  /** Navigates to `loginUrl`. Does nothing on a server. */
  readonly login: (options?: NavigationOptions) => void;
  /** The URL of the stronger login that a 401 `step_up_required` demands; null for any other problem. */
  readonly stepUpUrl: (problem: Problem, options?: LoginOptions) => string | null;
  /** Navigates to `stepUpUrl`. @returns false if the problem demands no stronger login */
  readonly stepUp: (problem: Problem, options?: NavigationOptions) => boolean;
  /**
   * The draft that this tab gave to `login` or `stepUp`: once, after that login has returned, and to the same user only.
   * Null otherwise: after a reload, for a copied link, in another tab, and until the state is known.
   */
  readonly takeDraft: () => unknown;
  /**
   * Logs out: ends the session, then navigates to the provider's logout. Without a session it navigates to
   * `loggedOutPath`. Concurrent calls share one request. `state.logout` shows progress and failure.
   * @returns null if the gateway has confirmed the logout; otherwise the failure, and the page stays
   */
  readonly logout: (options?: LogoutOptions) => Promise<Failure | null>;
  readonly dismissLogoutFailure: () => void;

  readonly sessions: Sessions;
  /** Events of the gateway while the tab is started and a user is logged in. @returns unsubscribes */
  readonly onEvent: (listener: (event: SessionEvent) => void) => () => void;
}
