// Sorts the events of both sources by time and completes each with user and session from the other source.
import type { AuditEvent } from "./audit-event.ts";

export type Timeline = {
  add: (event: AuditEvent) => void;
  /** Removes and returns the events older than the settle time, sorted. @param nowMs default: all events */
  take: (nowMs?: number) => AuditEvent[];
};

/** Maximum delay of one source behind the other. */
const SETTLE_MS = 1_500;
const MAX_PENDING = 10_000;
const MAX_NAMES = 20_000;

export function createTimeline(): Timeline {
  let pending: { event: AuditEvent; arrivedMs: number }[] = [];
  /** Session handle → provider session; user id → username. Collected from the events. */
  const sessions = new Map<string, string>();
  const names = new Map<string, string>();

  return {
    add(event) {
      pending.push({ event, arrivedMs: Date.now() });
      if (event.session !== undefined && event.providerSession !== undefined)
        remember(sessions, event.session, event.providerSession);
      if (event.subject !== undefined && event.username !== undefined) remember(names, event.subject, event.username);
    },
    take(nowMs) {
      const isSettled = ({ arrivedMs }: { arrivedMs: number }, index: number) =>
        nowMs === undefined || arrivedMs <= nowMs - SETTLE_MS || index < pending.length - MAX_PENDING;
      const settled = pending.filter(isSettled);
      pending = pending.filter((each, index) => !isSettled(each, index));
      return settled
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
  if (map.size > MAX_NAMES && oldest !== undefined) map.delete(oldest);
}
