// Deadlines for store commands on one shared timer: a Redis that does not respond fails a request within REDIS_TIMEOUT_MS
// (503 store_unavailable) instead of keeping it waiting. A pause of the gateway's own event loop extends them.
import { performance } from "node:perf_hooks";
import { LinkedList } from "../lib/linked-list.ts";

/** @returns the outcome of `work`, or a rejection once the deadline has passed; `work` itself is not cancelled */
export type Deadline = <T>(work: Promise<T>) => Promise<T>;

type PendingWork = { dueMs: number; reject: (error: Error) => void };

/** A timer that fires later than this indicates a pause of the whole process, not a busy event loop. */
const PAUSE_MS = 25;

/**
 * Creates a deadline of `timeoutMs` per work. All have the same length, so the oldest is due first and one timer suffices.
 *
 * Node runs timers before it reads sockets. After a pause of the process (CPU starvation, a long garbage collection),
 * replies that arrived in time have not been read yet: pending deadlines are extended by the pause, at most `timeoutMs`.
 */
export function createDeadline(timeoutMs: number): Deadline {
  const pending = new LinkedList<PendingWork>();
  let timer: NodeJS.Timeout | undefined;

  const rejectOverdue = (): void => {
    timer = undefined;
    const nowMs = performance.now();
    const { first } = pending;
    const lateMs = first === undefined ? 0 : nowMs - first.dueMs;
    const extendedToMs = lateMs > PAUSE_MS ? nowMs + Math.min(lateMs, timeoutMs) : 0;
    for (const { member } of pending.nodes()) member.dueMs = Math.max(member.dueMs, extendedToMs);
    for (const node of pending.nodes()) {
      const { dueMs, reject } = node.member;
      if (dueMs > nowMs) break;
      pending.remove(node);
      reject(new Error(`no reply within ${timeoutMs} ms`));
    }
    startTimer();
  };
  const startTimer = (): void => {
    const { first } = pending;
    if (first === undefined || timer !== undefined) return;
    timer = setTimeout(rejectOverdue, Math.max(1, Math.ceil(first.dueMs - performance.now())));
  };

  return <T>(work: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const node = pending.add({ dueMs: performance.now() + timeoutMs, reject });
      startTimer();
      work.then(
        (value) => {
          pending.remove(node);
          resolve(value);
        },
        (error: unknown) => {
          pending.remove(node);
          reject(error as Error);
        },
      );
    });
}
