// How many event streams one session, one user and all together may hold at one instance.
import { GatewayError } from "../../errors.ts";
import { createInFlightTable } from "../../lib/in-flight.ts";
import type { SessionKey } from "../../store/store.ts";

export type Listener = {
  key: SessionKey;
  /** Any name that is this user's alone. */
  user: string;
};

export type StreamPlaces = {
  /** @returns how to give the place back. @throws GatewayError too_many_connections */
  take(listener: Listener): () => void;
  count(): number;
};

/** More tabs of one browser than a person has; a page that opens streams in a loop gets no further. */
export const STREAMS_PER_SESSION = 32;
/** More than that in all browsers of a person; with logins of their own nobody takes everybody's places. */
export const STREAMS_PER_USER = 128;

export function createStreamPlaces(maxStreams: number): StreamPlaces {
  const taken = createInFlightTable();
  let count = 0;
  return {
    take({ key, user }) {
      const [session, owner] = [taken.of(`session ${key}`), taken.of(`user ${user}`)];
      if (session.count >= STREAMS_PER_SESSION) throw tooMany("the session has as many event streams as it may have");
      if (owner.count >= STREAMS_PER_USER) throw tooMany("the user has as many event streams as they may have");
      if (count >= maxStreams) throw tooMany("MAX_EVENT_STREAMS is reached");
      count++;
      session.count++;
      owner.count++;
      return () => {
        count--;
        session.count--;
        owner.count--;
      };
    },
    count: () => count,
  };
}

function tooMany(reason: string): GatewayError {
  return new GatewayError("too_many_connections", { reason, retryAfterSeconds: 60 });
}
