// A client: the session of one page of an app behind a Cloakroom gateway. No global state.
import type { Client, ClientOptions, NavigationOptions } from "./client.ts";
import { createDrafts, resumeParam } from "./draft.ts";
import { startEventStream } from "./event-stream.ts";
import { createListeners } from "./listeners.ts";
import { type LoginOptions, buildLoginUrl } from "./login.ts";
import { createLogout, parseLogoutLocation } from "./logout.ts";
import type { PageWindow } from "./page-window.ts";
import { type Problem, readProblem, sessionEndCodeOf } from "./problem.ts";
import { createSessionFetch } from "./session-fetch.ts";
import { type SessionEvent, type TabMessage, endReasonOf, tabMessages } from "./session-messages.ts";
import { type SessionState, initialState, sessionLoaded } from "./session-state.ts";
import { type Clock, createSessionStore } from "./session-store.ts";
import { parseSessions } from "./sessions.ts";
import { startSilentLogin } from "./silent-login.ts";
import { type DefaultClaims, type ParseUser, clockSkewMs, parseUserResponse } from "./user.ts";
import { maxAgeWhenVisibleMs, watchPage } from "./watch-page.ts";

const quickTimeoutMs = 8_000;
/** The gateway may revoke tokens at the provider before it responds. */
const endTimeoutMs = 15_000;

/** The state of a client after this body of `GET /bff/user`, for the first render on a server. @throws SyntaxError */
export function stateOfUserBody<User = DefaultClaims>(
  userBody: unknown,
  parseUser?: ParseUser<User>,
): SessionState<User> {
  return sessionLoaded<User>(initialState, parseUserResponse(userBody, parseUser), null);
}

/** Starts nothing, so a module that a server imports may create it. */
export function createClient<User = DefaultClaims>(options: ClientOptions<User> = {}): Client<User> {
  const { basePath = "/bff", loggedOutPath, parseUser } = options;
  // Some runtimes of servers define `window` without a document.
  const page: PageWindow | undefined = options.window ?? (typeof document === "undefined" ? undefined : window);
  const loginPath = `${basePath}/login`;
  const channelName = `cloakroom:${basePath}`;
  const starts = new Set<object>();
  const events = createListeners<[SessionEvent]>();
  let channel: BroadcastChannel | undefined;
  let stop = (): void => undefined;

  const clock: Clock = {
    nowMs: Date.now,
    random: Math.random,
    setTimer: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
  const { send, request } = createSessionFetch({
    clock,
    page,
    fetch: (input, init) => (options.fetch ?? globalThis.fetch)(input, init),
    loginPath,
    handle: () => store.handle(),
    maxRetries: 3,
    maxDelayMs: 30_000,
    ...options.retry,
    report,
  });
  const store = createSessionStore<User>({
    clock,
    fetchUser: (signal) =>
      request(
        `${basePath}/user`,
        {
          timeoutMs: quickTimeoutMs,
          signal,
          parse: async (response) =>
            parseUserResponse(await response.json(), parseUser, clockSkewMs(response, Date.now())),
        },
        "check",
      ),
    onUserChanged: options.onUserChanged ?? (() => page?.location.reload()),
  });
  store.pause();
  const drafts = createDrafts(page, clock);
  const logout = createLogout({
    store,
    send: (everywhere) =>
      request(
        `${basePath}/${everywhere ? "sessions" : "logout"}`,
        {
          method: everywhere ? "DELETE" : "POST",
          timeoutMs: endTimeoutMs,
          parse: async (response) => parseLogoutLocation(await response.json(), page?.location.href),
        },
        "logout",
      ),
    loggedOutPath: loggedOutPath ?? "/",
    leave: (url) => {
      drafts.discard();
      // Cleared before the navigation: the back-forward cache may restore the page as it is now.
      store.clear();
      broadcast("logged_out_elsewhere");
      page?.location.assign(url);
    },
  });

  /** Updates the state by a response to a request of the app. */
  function report(problem: Problem | null, sentAtMs: number): void {
    if (problem === null || problem.code === "session_changed") return void store.check();
    const endCode = sessionEndCodeOf(problem);
    if (problem.code === "store_unavailable") store.fail({ kind: "problem", problem });
    if (endCode !== null) store.end(endReasonOf(problem.reason, endCode), sentAtMs);
  }

  function broadcast(message: TabMessage): void {
    channel?.postMessage(message);
  }

  function loginUrl(login: LoginOptions = {}, stepUp?: string, nonce: string | null = null): string {
    const fields = nonce === null ? undefined : { [resumeParam]: nonce };
    return buildLoginUrl(login, { loginPath, href: page?.location.href, loggedOutPath, fields, stepUp });
  }

  function navigateToLogin({ draft, replace, ...login }: NavigationOptions = {}, stepUp?: string): void {
    const nonce = draft === undefined ? null : drafts.save(draft, store.getState().renderedSub);
    page?.location[replace === true ? "replace" : "assign"](loginUrl(login, stepUp, nonce));
  }

  function seed(userBody: unknown): void {
    store.seed(parseUserResponse(userBody, parseUser));
  }

  /** On a server there is no session to check. */
  async function stateAfter(check: () => Promise<void>): Promise<SessionState<User>> {
    if (page !== undefined) await check();
    return store.getState();
  }

  function open(tab: PageWindow): void {
    const abort = new AbortController();
    const { signal } = abort;
    const receive = startEventStream({
      clock,
      page: tab,
      url: `${basePath}/events`,
      name: channelName,
      store,
      broadcast,
      onEvent: events.emit,
      signal,
    });
    channel = tab.BroadcastChannel && new tab.BroadcastChannel(channelName);
    channel?.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      // Ignores messages that this version does not know.
      const message = tabMessages.find((known) => known === data);
      if (message === "changed") void store.receive(message);
      else if (message !== undefined) receive(message);
    });
    watchPage(tab, store, signal);
    drafts.readReturn();
    store.resume();
    stop = () => {
      stop = () => undefined;
      abort.abort();
      channel?.close();
      channel = undefined;
      store.pause();
    };
    void loadFirst(tab, signal);
  }

  async function loadFirst(tab: PageWindow, signal: AbortSignal): Promise<void> {
    await store.ensureLoaded();
    if (signal.aborted) return;
    // A login loads a new page, while the other tabs may still show the previous user or none.
    broadcast("changed");
    // The server may have rendered the state long ago.
    await store.recheck(maxAgeWhenVisibleMs);
    const isOff = options.silentLogin === false || tab.location.pathname === loggedOutPath;
    if (signal.aborted || isOff) return;
    await startSilentLogin(tab, store, () => navigateToLogin({ prompt: "none", replace: true }));
  }

  return {
    getState: store.getState,
    subscribe: store.subscribe,
    start: () => {
      const start = {};
      starts.add(start);
      if (page !== undefined && starts.size === 1) open(page);
      return () => {
        if (starts.delete(start) && starts.size === 0) stop();
      };
    },
    close: () => {
      starts.clear();
      stop();
    },
    seed,
    ensureLoaded: () => stateAfter(store.ensureLoaded),
    check: () => stateAfter(store.check),
    dismissEndReason: store.dismissEndReason,
    fetch: send,
    request,
    problemOf: async (response) => (response.ok ? null : readProblem(response.clone(), loginPath)),
    loginUrl: (login) => loginUrl(login),
    login: (login) => navigateToLogin(login),
    stepUpUrl: (problem, login) => (demandsStepUp(problem) ? loginUrl(login, problem.loginUrl) : null),
    stepUp: (problem, login) => {
      const isDemanded = demandsStepUp(problem);
      if (isDemanded) navigateToLogin(login, problem.loginUrl);
      return isDemanded;
    },
    takeDraft: () => {
      const { status, renderedSub } = store.getState();
      return status === "unknown" ? null : drafts.take(status === "authenticated" ? renderedSub : null);
    },
    logout,
    dismissLogoutFailure: () => store.setLogout({ kind: "idle" }),
    sessions: {
      list: (init) =>
        request(`${basePath}/sessions`, {
          timeoutMs: quickTimeoutMs,
          ...init,
          parse: async (response) => parseSessions(await response.json(), clockSkewMs(response, Date.now())),
        }),
      end: (handle, init) =>
        request(`${basePath}/sessions/${encodeURIComponent(handle)}`, {
          timeoutMs: endTimeoutMs,
          ...init,
          method: "DELETE",
          parse: () => null,
        }),
    },
    onEvent: events.add,
  };
}

function demandsStepUp(problem: Problem): problem is Problem & { readonly loginUrl: string } {
  return problem.code === "step_up_required" && problem.loginUrl !== null;
}
