// The name of every Redis key and channel. All of them begin with the application's prefix (I9): the store has no other
// way to make a name.
import type { ApplicationId } from "../../lib/application-id.ts";
import type { IndexName, SessionKey } from "../store.ts";

export type RedisNames = {
  session(key: SessionKey): string;
  tombstone(key: SessionKey): string;
  index(name: IndexName): string;
  /** The marker of an index that was closed. */
  closed(name: IndexName): string;
  used(purpose: string, hash: string): string;
  /** @returns the session key, or undefined for any other name */
  keyOfSession(name: string): SessionKey | undefined;
  /** A SCAN pattern. An application id has no glob characters and no ":", so it matches no other application's keys. */
  readonly anySession: string;
  /** For client-side-caching notifications. No other application's names begin with it. */
  readonly trackingPrefix: string;
  readonly refreshTurns: string;
  readonly clock: string;
  /** Every end of a session is published here: `<session key> <reason>`. */
  readonly endedChannel: string;
  /** For an ACL rule, as `~` and as `&` pattern. */
  readonly aclPattern: string;
};

const SESSION_SUFFIX = "}:session";

/** The hash tag (in braces) keeps the keys of one script in one Cluster slot. */
export function createRedisNames(application: ApplicationId): RedisNames {
  const prefix = `cloakroom:${application}:`;
  const tagged = `${prefix}{`;
  return {
    session: (key) => `${tagged}${key}${SESSION_SUFFIX}`,
    tombstone: (key) => `${tagged}${key}}:ended`,
    index: ({ kind, hash }) => `${tagged}${hash}}:${kind}`,
    closed: ({ kind, hash }) => `${tagged}${hash}}:${kind}-closed`,
    used: (purpose, hash) => `${tagged}${hash}}:used-${purpose}`,
    keyOfSession: (name) =>
      name.startsWith(tagged) && name.endsWith(SESSION_SUFFIX)
        ? name.slice(tagged.length, -SESSION_SUFFIX.length)
        : undefined,
    anySession: `${tagged}*${SESSION_SUFFIX}`,
    trackingPrefix: tagged,
    refreshTurns: `${tagged}refresh-turns}:next`,
    clock: `${tagged}clock}`,
    endedChannel: `${prefix}session-ended`,
    aclPattern: `${prefix}*`,
  };
}

/** Sessions of all applications and of the format without application ids. For the administrator only. */
export const ANY_APPLICATION_SESSION = `cloakroom:*${SESSION_SUFFIX}`;
/** Everything that releases without application ids stored: their names have the hash tag where the id is now. */
export const ANY_UNNAMED_KEY = "cloakroom:{*";

const SESSION_OF_APPLICATION = /^cloakroom:(?:([a-z0-9][a-z0-9-]*):)?\{[^{}]+\}:session$/;

/** @returns the application id, "" for a session of the format without ids, undefined for any other name */
export function applicationOfSession(name: string): string | undefined {
  const found = SESSION_OF_APPLICATION.exec(name);
  return found === null ? undefined : (found[1] ?? "");
}
