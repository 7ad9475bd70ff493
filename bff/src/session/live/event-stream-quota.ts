// Connection quota for event streams: limits per session, per user and per instance.
import { GatewayError } from "../../errors.ts";
import { acquireQuota, createInFlight, createInFlightTable } from "../../lib/in-flight.ts";
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
};

/** Above the number of tabs that one browser has open. */
export const STREAMS_PER_SESSION = 32;
/** Limits a user with several sessions, so that one user cannot use up MAX_EVENT_STREAMS. */
export const STREAMS_PER_USER = 128;

export function createEventStreamQuota(maxStreams: number): EventStreamQuota {
  const counters = createInFlightTable();
  const total = createInFlight();
  return {
    acquire: ({ key, user }) =>
      acquireQuota([
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
        { counter: total, max: maxStreams, error: () => tooMany("MAX_EVENT_STREAMS is reached") },
      ]),
    count: () => total.count,
  };
}

function tooMany(reason: string): GatewayError {
  return new GatewayError("too_many_connections", { reason, retryAfterSeconds: 60 });
}
