// Events of both sources in the order of time, each with what the other source knows of the same session.
import type { AuditEvent } from "./audit-event.ts";

export type Timeline = {
  add: (event: AuditEvent) => void;
  /** What can be told because nothing older is to be expected. @param nowMs absent: everything */
  take: (nowMs?: number) => AuditEvent[];
};

/** One source may be this much behind the other. */
const SETTLE_MS = 1_500;
const MAX_WAITING = 10_000;
const MAX_REMEMBERED = 20_000;

export function createTimeline(): Timeline {
  let waiting: { event: AuditEvent; arrivedMs: number }[] = [];
  /** Handle of a session → the provider's session; user id → name. Both are learned from what passes. */
  const sessions = new Map<string, string>();
  const names = new Map<string, string>();

  return {
    add(event) {
      waiting.push({ event, arrivedMs: Date.now() });
      if (event.session !== undefined && event.providerSession !== undefined)
        remember(sessions, event.session, event.providerSession);
      if (event.subject !== undefined && event.username !== undefined) remember(names, event.subject, event.username);
    },
    take(nowMs) {
      const isSettled = ({ arrivedMs }: { arrivedMs: number }, index: number) =>
        nowMs === undefined || arrivedMs <= nowMs - SETTLE_MS || index < waiting.length - MAX_WAITING;
      const told = waiting.filter(isSettled);
      waiting = waiting.filter((each, index) => !isSettled(each, index));
      return told
        .map(({ event }) => event)
        .sort((a, b) => a.atMs - b.atMs)
        .map((event) => completed(event));
    },
  };

  function completed(event: AuditEvent): AuditEvent {
    const providerSession = event.providerSession ?? sessions.get(event.session ?? "");
    const username = event.username ?? names.get(event.subject ?? "");
    return {
      ...event,
      ...(providerSession === undefined ? {} : { providerSession }),
      ...(username === undefined ? {} : { username }),
    };
  }
}

function remember(map: Map<string, string>, key: string, value: string): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
