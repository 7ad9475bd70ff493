// Session events of the gateway, one stream per browser. Leader election with a Web Lock: the tab that holds the lock
// opens the stream and broadcasts its events, because browsers open at most six HTTP/1.1 connections per origin.
import { subscribeSessionEvents } from "../server/session-events.ts";
import { type SessionEvent, endReasonOf, sessionEndedEvent } from "./session-messages.ts";
import { session } from "./session.ts";
import { broadcast, onTabMessage } from "./tab-channel.ts";

const lockName = "session-events";
/** Delay after a rejected stream, for example while a proxy cannot reach the gateway. Random, against thundering herds. */
const minRetryMs = 15_000;
const maxRetryMs = 30_000;

/** Null unless this tab holds the lock or waits for it. */
let subscription: AbortController | null = null;
/** While this tab logs out, events of the ended session are ignored. A failed logout is followed by a check. */
let pendingLogouts = 0;
let pausedUntilMs = 0;

/** Call once; subscribes whenever a user is logged in. */
export function startSessionEventStream(): void {
  session.subscribe(update);
  onTabMessage((message) => {
    if (message !== "changed" && message !== "logged-out") handleEvent(message);
  });
  // A page that holds a lock or a connection is not eligible for the back-forward cache.
  window.addEventListener("pagehide", unsubscribe);
  update();
}

/** Ignores end events of the gateway until `logout` settles. */
export async function duringLogout<T>(logout: Promise<T>): Promise<T> {
  pendingLogouts += 1;
  return logout.finally(() => (pendingLogouts -= 1));
}

function update(): void {
  if (session.snapshot().auth.kind !== "authenticated") return unsubscribe();
  if (subscription !== null || Date.now() < pausedUntilMs) return;
  const abort = new AbortController();
  subscription = abort;
  // Rejects only when aborted while waiting for the lock.
  navigator.locks.request(lockName, { signal: abort.signal }, () => streamUntil(abort.signal)).catch(() => undefined);
}

function unsubscribe(): void {
  subscription?.abort();
  subscription = null;
}

function pause(delayMs: number): void {
  unsubscribe();
  pausedUntilMs = Date.now() + delayMs;
  setTimeout(update, delayMs);
}

/** Holds the lock until it resolves. */
function streamUntil(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const close = subscribeSessionEvents({
      onEnded: (reason) => publish(sessionEndedEvent(reason)),
      onExpiring: () => publish("expiring"),
      onExtended: () => publish("extended"),
      onRejected: () => {
        pause(minRetryMs + Math.random() * (maxRetryMs - minRetryMs));
        void session.check();
      },
    });
    signal.addEventListener("abort", () => {
      close();
      resolve();
    });
  });
}

function publish(event: SessionEvent): void {
  broadcast(event);
  handleEvent(event);
}

function handleEvent(event: SessionEvent): void {
  if (endReasonOf(event) === null) return void session.receive(event);
  if (pendingLogouts > 0) return;
  // The event may concern a session that a login in another tab has replaced, so only a check decides. No stream is
  // opened meanwhile, because the cookie may be about to be cleared.
  pausedUntilMs = Number.POSITIVE_INFINITY;
  unsubscribe();
  void session.receive(event).finally(() => {
    pausedUntilMs = 0;
    update();
  });
}
