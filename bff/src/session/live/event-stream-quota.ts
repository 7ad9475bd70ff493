// Connection quota for event streams: limits per session, per user and per process, shared by its applications.
import { GatewayError } from "../../errors.ts";
import { acquireQuota, createInFlightTable } from "../../lib/in-flight.ts";
import type { SharedQuota } from "../../lib/shared-quota.ts";
import type { SessionKey } from "../../store/store.ts";

export type StreamOwner = {
  key: SessionKey;
  /** A name that is unique to the user. */
  user: string;
};

export type EventStreamQuota = {
  /** @returns a function that releases the stream. @throws GatewayError too_many_connections */
  acquire(owner: StreamOwner): () => void;
  count(): number;
  /** The application is closed: its part of the process's quota is for the others. */
  leave(): void;
};

/** Above the number of tabs that one browser has open. */
export const STREAMS_PER_SESSION = 32;
/** Limits a user with several sessions, so that one user cannot use up MAX_EVENT_STREAMS. */
export const STREAMS_PER_USER = 128;

export function createEventStreamQuota(shared: SharedQuota): EventStreamQuota {
  const counters = createInFlightTable();
  const { counter: total, isFull, leave } = shared.join();
  return {
    acquire({ key, user }) {
      if (isFull()) throw tooMany("MAX_EVENT_STREAMS is reached");
      return acquireQuota([
        {
          counter: counters.of(`session ${key}`),
          max: STREAMS_PER_SESSION,
          error: () => tooMany("limit of event streams per session reached"),
        },
        {
          counter: counters.of(`user ${user}`),
          max: STREAMS_PER_USER,
          error: () => tooMany("limit of event streams per user reached"),
        },
        { counter: total, max: Infinity, error: () => tooMany("MAX_EVENT_STREAMS is reached") },
      ]);
    },
    count: () => total.count,
    leave,
  };
}

function tooMany(reason: string): GatewayError {
  return new GatewayError("too_many_connections", { reason, retryAfterSeconds: 60 });
}
