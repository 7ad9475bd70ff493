// How long the session store may take, measured fairly: a gateway that was itself held up blames nobody else.
import { performance } from "node:perf_hooks";
import { LinkedList } from "../lib/linked-list.ts";

/** @returns the work's own outcome, or a rejection once the deadline has passed; the work itself goes on */
export type Deadline = <T>(work: Promise<T>) => Promise<T>;

type Waiting = { dueMs: number; reject: (error: Error) => void };

/** A timer that comes later than this was not merely behind others: the process had stopped. */
const HELD_UP_MS = 25;

/**
 * One deadline for all work that is handed in: what came first is due first, so one timer serves everything.
 *
 * Timers fire before sockets are read. After a pause of the whole process (a starved CPU, a long garbage collection)
 * answers that came in time have not been looked at yet: what waits is given as long again, at most `timeoutMs`.
 */
export function createDeadline(timeoutMs: number): Deadline {
  const waiting = new LinkedList<Waiting>();
  let timer: NodeJS.Timeout | undefined;

  const judge = (): void => {
    timer = undefined;
    const nowMs = performance.now();
    const { first } = waiting;
    const lateMs = first === undefined ? 0 : nowMs - first.dueMs;
    const againMs = lateMs > HELD_UP_MS ? nowMs + Math.min(lateMs, timeoutMs) : 0;
    for (const { member } of waiting.nodes()) member.dueMs = Math.max(member.dueMs, againMs);
    for (const place of waiting.nodes()) {
      const { dueMs, reject } = place.member;
      if (dueMs > nowMs) break;
      waiting.remove(place);
      reject(new Error(`no answer in ${timeoutMs} ms`));
    }
    watch();
  };
  const watch = (): void => {
    const { first } = waiting;
    if (first === undefined || timer !== undefined) return;
    timer = setTimeout(judge, Math.max(1, Math.ceil(first.dueMs - performance.now())));
  };

  return <T>(work: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const mine = { dueMs: performance.now() + timeoutMs, reject };
      const place = waiting.add(mine);
      watch();
      work.then(
        (value) => {
          waiting.remove(place);
          resolve(value);
        },
        (error: unknown) => {
          waiting.remove(place);
          reject(error as Error);
        },
      );
    });
}
