// GET /bff/events: server-sent events of this browser's session, one stream per browser. Leader election with a Web
// Lock: the tab that holds the lock opens the stream and broadcasts its events, because browsers open at most six
// HTTP/1.1 connections per origin. The stream does not extend the session.
import type { PageWindow } from "./page-window.ts";
import { parseRecord } from "./problem.ts";
import { type SessionEvent, type TabMessage, endReasonOf, eventOf } from "./session-messages.ts";
import type { Clock, SessionStore } from "./session-store.ts";

/** Delay after a rejected stream, for example while a proxy cannot reach the gateway. Random, against thundering herds. */
const minRetryMs = 15_000;
const maxRetryMs = 30_000;

export interface EventStreamDependencies {
  readonly page: PageWindow;
  readonly clock: Clock;
  readonly url: string;
  /** Of the lock. */
  readonly name: string;
  readonly store: Pick<SessionStore<unknown>, "check" | "getState" | "receive" | "subscribe">;
  readonly broadcast: (message: TabMessage) => void;
  readonly onEvent: (event: SessionEvent) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Subscribes whenever a user is logged in. @returns handles an event that another tab has received */
export function startEventStream(dependencies: EventStreamDependencies): (message: TabMessage) => void {
  const { page, clock, store, signal } = dependencies;
  /** Null unless this tab holds the lock or waits for it. */
  let subscription: AbortController | null = null;
  let isPaused = false;
  let cancelRetry = (): void => undefined;

  function update(): void {
    if (signal.aborted || store.getState().status !== "authenticated") return unsubscribe();
    if (subscription !== null || isPaused) return;
    const abort = (subscription = new AbortController());
    // Rejects only when aborted while waiting for the lock.
    page.navigator.locks
      ?.request(dependencies.name, { signal: abort.signal }, () => streamUntil(abort.signal))
      .catch(() => undefined);
  }

  function unsubscribe(): void {
    subscription?.abort();
    subscription = null;
  }

  function pause(): void {
    isPaused = true;
    unsubscribe();
  }

  function resume(): void {
    isPaused = false;
    update();
  }

  /** Holds the lock until it resolves. */
  function streamUntil(ended: AbortSignal): Promise<void> {
    const source = new page.EventSource(dependencies.url);
    for (const type of ["expiring", "extended"] as const) {
      source.addEventListener(`session-${type}`, () => publish(type));
    }
    source.addEventListener("session-ended", ({ data }) => {
      source.close();
      publish(endReasonOf(parseRecord(String(data))["reason"], "session_revoked"));
    });
    source.addEventListener("error", () => {
      // Closed: the response was no event stream. EventSource does not reconnect and does not expose the status.
      if (source.readyState !== 2) return;
      pause();
      cancelRetry = clock.setTimer(minRetryMs + clock.random() * (maxRetryMs - minRetryMs), resume);
      void store.check();
    });
    return new Promise((resolve) => {
      ended.addEventListener("abort", () => {
        source.close();
        resolve();
      });
    });
  }

  function publish(message: TabMessage): void {
    dependencies.broadcast(message);
    receive(message);
  }

  function receive(message: TabMessage): void {
    const event = eventOf(message);
    const isEnd = event?.type === "ended";
    // While this tab logs out, the end of its session is expected. A failed logout is followed by a check.
    if (event === null || (isEnd && store.getState().logout.kind === "pending")) return;
    dependencies.onEvent(event);
    if (!isEnd) return void store.receive(message);
    // The event may concern a session that a login in another tab has replaced, so only a check decides. No stream is
    // opened meanwhile, because the cookie may be about to be cleared.
    pause();
    void store.receive(message).finally(resume);
  }

  const stopUpdates = store.subscribe(update);
  // A page that holds a lock or a connection is not eligible for the back-forward cache.
  page.addEventListener("pagehide", unsubscribe, { signal });
  signal.addEventListener("abort", () => {
    stopUpdates();
    cancelRetry();
    unsubscribe();
  });
  update();
  return receive;
}
