// POST /bff/logout and DELETE /bff/sessions: the user is logged out only once the gateway has confirmed it. The response
// names the URL at which the provider's logout starts.
import { attempt } from "./attempt.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { isRecord, sessionEndCodeOf, textOrNull } from "./problem.ts";
import type { SessionStore } from "./session-store.ts";

export interface LogoutOptions {
  /** Ends all sessions of the user. Default: this browser's only. */
  readonly everywhere?: boolean;
}

export interface LogoutDependencies {
  readonly store: Pick<SessionStore<unknown>, "check" | "getState" | "setLogout">;
  /** Resolves with the URL of the provider's logout. */
  readonly send: (everywhere: boolean) => Promise<Outcome<URL>>;
  readonly loggedOutPath: string;
  /** Called after the confirmation: clears the tab, informs the others and navigates. */
  readonly leave: (url: string) => void;
}

/** Calls share one request, unless a later one ends more sessions. */
export function createLogout({ store, send, loggedOutPath, leave }: LogoutDependencies) {
  let running: Promise<Failure | null> | undefined;

  async function run(everywhere: boolean): Promise<Failure | null> {
    store.setLogout({ kind: "pending", everywhere });
    const outcome = await send(everywhere);
    running = undefined;
    const hadEnded = outcome.kind === "problem" && sessionEndCodeOf(outcome.problem) !== null;
    if (outcome.kind === "ok" || hadEnded) {
      // Stays pending until the next page has loaded.
      leave(outcome.kind === "ok" ? outcome.value.href : loggedOutPath);
      return null;
    }
    // Never cancelled: the request has no signal.
    const failure = outcome as Failure;
    store.setLogout({ kind: "failed", everywhere, failure });
    // The gateway may have ended the session although its response was lost.
    await store.check();
    return failure;
  }

  return ({ everywhere = false }: LogoutOptions = {}): Promise<Failure | null> => {
    const { logout } = store.getState();
    const endsMore = everywhere && logout.kind === "pending" && !logout.everywhere;
    if (running === undefined || endsMore) running = run(everywhere);
    return running;
  };
}

/** @throws SyntaxError unless `location` is an http(s) URL: navigating to `javascript:` would run it in this origin */
export function parseLogoutLocation(body: unknown, pageUrl: string | undefined): URL {
  const location = textOrNull(isRecord(body) && body["location"]);
  const url = location && attempt(() => new URL(location, pageUrl));
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new SyntaxError("logout: no location");
}
