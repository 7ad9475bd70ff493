// Names of all Redis keys and channels. Every name begins with the prefix of the application (I9).
import type { ApplicationId } from "../../lib/application-id.ts";
import type { IndexName, SessionKey } from "../store.ts";

export type RedisNames = {
  session(key: SessionKey): string;
  tombstone(key: SessionKey): string;
  index(name: IndexName): string;
  /** Marker of a closed index. */
  closed(name: IndexName): string;
  used(purpose: string, hash: string): string;
  /** @returns the session key, or undefined for any other name */
  keyOfSession(name: string): SessionKey | undefined;
  /** SCAN pattern of this application's sessions. Application ids contain no glob characters and no ":". */
  readonly anySession: string;
  /** Prefix for CLIENT TRACKING; no name of another application begins with it. */
  readonly trackingPrefix: string;
  /** Next free slot of the token refresh rate limit. */
  readonly refreshSlots: string;
  /** Requests counted for a rate limit. Those of one scope are in one Cluster slot, and no instance tracks them. */
  rateLimit(scope: string, counter: { kind: string; hash: string }): string;
  readonly clock: string;
  /** Channel of ended sessions; messages are `<session key> <reason>`. */
  readonly endedChannel: string;
  /** Pattern for the `~` and `&` rules of an ACL user. */
  readonly aclPattern: string;
};

const SESSION_SUFFIX = "}:session";

/** The hash tag (in braces) puts the keys of one script into one Cluster slot. */
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
    refreshSlots: `${tagged}refresh-turns}:next`,
    // Not below `trackingPrefix`: every request writes these keys, and each write would notify all instances.
    rateLimit: (scope, { kind, hash }) => `${prefix}rate:{${scope}}:${kind}:${hash}`,
    clock: `${tagged}clock}`,
    endedChannel: `${prefix}session-ended`,
    aclPattern: `${prefix}*`,
  };
}

/** SCAN pattern of the sessions of all applications and of the format without ids. Only for the command line. */
export const ANY_APPLICATION_SESSION = `cloakroom:*${SESSION_SUFFIX}`;
/** SCAN pattern of all keys of releases without application ids: the hash tag stands where the id is now. */
export const ANY_UNNAMED_KEY = "cloakroom:{*";

const SESSION_OF_APPLICATION = /^cloakroom:(?:([a-z0-9][a-z0-9-]*):)?\{[^{}]+\}:session$/;

/** @returns the application id, "" for a session of the format without ids, undefined for any other name */
export function applicationOfSession(name: string): string | undefined {
  const found = SESSION_OF_APPLICATION.exec(name);
  return found === null ? undefined : (found[1] ?? "");
}
