// How many event streams one session, one user and all together may hold at one instance.
import { GatewayError } from "../errors.ts";
import type { SessionKey } from "../store.ts";

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
  const taken = new Map<string, number>();
  let count = 0;
  const takenBy = (name: string) => taken.get(name) ?? 0;
  return {
    take({ key, user }) {
      const [session, owner] = [`session ${key}`, `user ${user}`];
      if (takenBy(session) >= STREAMS_PER_SESSION)
        throw tooMany("the session has as many event streams as it may have");
      if (takenBy(owner) >= STREAMS_PER_USER) throw tooMany("the user has as many event streams as they may have");
      if (count >= maxStreams) throw tooMany("MAX_EVENT_STREAMS is reached");
      count++;
      for (const name of [session, owner]) taken.set(name, takenBy(name) + 1);
      return () => {
        count--;
        for (const name of [session, owner]) {
          if (takenBy(name) > 1) taken.set(name, takenBy(name) - 1);
          else taken.delete(name);
        }
      };
    },
    count: () => count,
  };
}

function tooMany(reason: string): GatewayError {
  return new GatewayError("too_many_connections", { reason, retryAfterSeconds: 60 });
}
