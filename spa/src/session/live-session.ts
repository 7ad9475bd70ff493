// Hears from the gateway, within a second, that the session has ended or is about to. One tab listens and tells the
// others: a browser opens only a few connections to one origin, and every open stream takes one of them.
import { listenToSession } from "../server/session-events.ts";
import { type SessionNews, endReasonOf, endedNews } from "./session-news.ts";
import { session } from "./session.ts";
import { onTabMessage, tellTabs } from "./tabs.ts";

const lockName = "session-events";
/** A refused stream, for example by a proxy whose gateway is away. Spread, so that tabs do not come back as one. */
const refusedWaitMs = { least: 15_000, most: 30_000 };

/** Null: not listening and not waiting to. */
let listening: AbortController | null = null;
/** While this tab logs out it knows better than any news why the session ends; a logout that fails is followed by a check. */
let logouts = 0;
let pausedUntilMs = 0;

/** Called once; listens whenever somebody is logged in. */
export function watchLiveSession(): void {
  session.subscribe(follow);
  onTabMessage((message) => {
    if (message !== "changed" && message !== "logged-out") take(message);
  });
  // A page that keeps a lock or a connection cannot be kept for the back button.
  window.addEventListener("pagehide", stop);
  follow();
}

export async function whileLoggingOut<T>(logout: Promise<T>): Promise<T> {
  logouts += 1;
  return logout.finally(() => (logouts -= 1));
}

function follow(): void {
  if (session.snapshot().who.kind !== "user") return stop();
  if (listening !== null || Date.now() < pausedUntilMs) return;
  const abort = new AbortController();
  listening = abort;
  // Waits until no other tab listens; an abort while waiting is the only way in which it fails.
  navigator.locks.request(lockName, { signal: abort.signal }, () => listenUntil(abort.signal)).catch(() => undefined);
}

function stop(): void {
  listening?.abort();
  listening = null;
}

function pause(waitMs: number): void {
  stop();
  pausedUntilMs = Date.now() + waitMs;
  setTimeout(follow, waitMs);
}

function listenUntil(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const spread = fromGateway(refusedWaitMs.least + Math.random() * (refusedWaitMs.most - refusedWaitMs.least));
    const close = listenToSession(spread);
    signal.addEventListener("abort", () => {
      close();
      resolve();
    });
  });
}

function fromGateway(afterRefusalMs: number) {
  const tell = (news: SessionNews): void => {
    tellTabs(news);
    take(news);
  };
  return {
    onEnded: (reason: string | null) => tell(endedNews(reason)),
    onExpiring: (isNear: boolean) => tell(isNear ? "expiring" : "extended"),
    onRefused: () => {
      pause(afterRefusalMs);
      void session.check();
    },
  };
}

function take(news: SessionNews): void {
  if (endReasonOf(news) === null) return void session.receive(news);
  if (logouts > 0) return;
  // It may be an earlier session that a login in another tab has replaced: the gateway knows, so nothing is concluded
  // here, and no stream is opened for a cookie that may be on its way out.
  pausedUntilMs = Number.POSITIVE_INFINITY;
  stop();
  void session.receive(news).finally(() => {
    pausedUntilMs = 0;
    follow();
  });
}
