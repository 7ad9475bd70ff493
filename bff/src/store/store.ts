// Interface of the session store, implemented by the Redis store and the in-memory store.
// Every write is conditional on the record it replaces, so that no write recreates an ended session.

/** `sha256(session id)` in base64url: identifies a record, but cannot be used as a session cookie. */
export type SessionKey = string;

/** Why a session ended. Stored as a tombstone, from which the error code of later requests is derived. */
const END_REASONS = [
  "logout",
  "replaced",
  "refresh_rejected",
  "provider_logout",
  /** Ended by its user from another browser, or by an administrator. */
  "revoked",
  /** Ended by a newer login beyond SESSIONS_PER_USER. */
  "limit",
  "expired",
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** @returns the reason; `revoked` for one that only another release knows */
export function endReasonFrom(stored: string): EndReason {
  return END_REASONS.find((reason) => reason === stored) ?? "revoked";
}

/**
 * Reasons whose requester receives a confirmation. After it, no instance accepts the session (I2) and no failover restores
 * it, also if the session had already been ended by another request.
 */
export const ACKNOWLEDGED: ReadonlySet<EndReason> = new Set(["logout", "provider_logout", "revoked"]);

export type StoredSession = {
  /** The koa-session record as JSON: user and times, no tokens. */
  session: string;
  /** The sealed token set. */
  tokens: string;
  /** Incremented with every new token set; a refresh is a compare-and-set on it. */
  tokenVersion: number;
  /** Changes with every write of the token set, for conditional reads; undefined if the store has no such mark. */
  revision?: string;
};

export type SessionTimes = {
  idleExpiresInMs: number;
  expiresInMs: number;
  /** Time since the last slide; undefined for records of releases that did not store it. */
  usedAgoMs: number | undefined;
};

/** Remaining times of a session, without its record. */
export type SessionLimits = Pick<SessionTimes, "idleExpiresInMs" | "expiresInMs"> & {
  /** Idle limit: the session's own, or the shorter remaining life of its refresh token. */
  idleMs: number;
};

export type EndListener = {
  /** A session was ended by this or another instance. Not called for expired sessions. */
  onEnd: (key: SessionKey, reason: EndReason) => void;
  /** The subscription is new or restored, so ends may have been missed: check the sessions again. */
  onResubscribe: () => void;
};

/**
 * Milliseconds for which the tokens can still be used or renewed; the session ends after that.
 * `unknown`: the provider does not tell. `unchanged`: the refresh token was not replaced.
 */
export type TokenLife = number | "unknown" | "unchanged";

/** What changes together with the token set. Default: `life` is unchanged, the session record stays. */
export type TokenChange = { life?: TokenLife | undefined; session?: string | undefined };

export type NewSession = {
  key: SessionKey;
  session: string;
  tokens: string;
  idleMs: number;
  maxMs: number;
  tokenLife?: TokenLife;
};

export type RefreshClaimRequest = {
  owner: string;
  tokenVersion: number;
  leaseMs: number;
  /** Grace period of an expired lease, counted from the first claim that found it expired. */
  graceMs: number;
};

export type RefreshClaim =
  /** The caller holds the lease. `afterUnknown`: an earlier holder never reported an outcome. */
  | { kind: "claimed"; afterUnknown: boolean }
  /** Another holder has the lease for `leaseMs` more. */
  | { kind: "busy"; leaseMs: number }
  /** The token set has been replaced since the caller read it. */
  | { kind: "changed"; stored: StoredSession }
  | { kind: "gone" };

/** Outcome of a claim that produced no token set. */
export type RefreshRelease =
  /** The refresh token was not used: any instance may retry. */
  | "unspent"
  /** The request was sent without a response: the next claim makes the one further attempt (I4). */
  | "unknown";

/** At most `requests` in any `windowMs` for the user or address with this hash. */
export type RateLimitCounter = { kind: "user" | "address"; hash: string; requests: number; windowMs: number };

export type RateLimitState = {
  /** Requests that would be admitted now. */
  remaining: number;
  /** Time until the oldest counted request no longer counts; 0: none is counted. */
  resetMs: number;
  /** Time until a request is admitted; 0: not reached. */
  retryAfterMs: number;
};

/**
 * Name of an index of sessions: by the provider's session, by user (issuer and subject), by user for the sessions that
 * have no provider's session, by public handle, or by a handle that a user or an administrator has asked to end.
 * `user-ended` has no entries, like ALL_SESSIONS. Names are hashes.
 */
export type IndexName = {
  kind: "provider-session" | "user" | "user-without-sid" | "user-ended" | "handle" | "asked-to-end" | "all";
  hash: string;
};

/** Has no entries, but can be closed: then no login that started earlier can create a session. */
export const ALL_SESSIONS: IndexName = { kind: "all", hash: "all" };

/** @throws GatewayError store_unavailable from every method. */
export type Store = {
  /**
   * The store's clock in milliseconds since the Unix epoch, shared by all instances: timestamps that another instance
   * compares are taken from it. Computed locally, never throws.
   */
  nowMs(): number;
  /**
   * Time at which a backward jump of the store's clock was detected (clock change, or failover to a server with another
   * clock), by the clock after the jump; -Infinity: never. Computed locally, never throws.
   */
  setBackAtMs(): number;

  /**
   * Reads a record from the store.
   * @param known the result of an earlier read; returned as the same object if the record has not changed
   */
  read(key: SessionKey, known?: StoredSession): Promise<StoredSession | undefined>;
  readWithTimes(key: SessionKey): Promise<(StoredSession & SessionTimes) | undefined>;
  limitsOf(key: SessionKey): Promise<SessionLimits | undefined>;
  /** @returns false if the key exists or has been ended */
  create(session: NewSession): Promise<boolean>;
  /** Extends the idle limit, at most to the absolute limit. Does nothing for an ended session. */
  slide(key: SessionKey): Promise<void>;
  /** Deletes the record and writes a tombstone, atomically. @returns the koa-session JSON of the record, if there was one */
  end(key: SessionKey, reason: EndReason): Promise<string | undefined>;
  endReason(key: SessionKey): Promise<EndReason | undefined>;
  /** Subscribes to the ends on all instances, complete from the first `onResubscribe` on. Never throws. @returns unsubscribe */
  onSessionEnd(listener: EndListener): () => void;
  /** @returns undefined while ends can be published and received, otherwise one sentence with the setting and the fix */
  subscriptionError(): string | undefined;

  /** Takes the lease on the session's refresh token, if the token set is still version `tokenVersion`. */
  claimRefresh(key: SessionKey, claim: RefreshClaimRequest): Promise<RefreshClaim>;
  /** @returns false if `owner` has lost the lease */
  renewRefresh(key: SessionKey, owner: string, leaseMs: number): Promise<boolean>;
  /**
   * Stores the new token set, with a new session record if there is one, and releases the lease.
   * @returns false if `owner` has lost the lease (fencing) or the session ended
   */
  saveTokens(key: SessionKey, owner: string, tokens: string, change?: TokenChange): Promise<boolean>;
  /** Replaces the session record while its token set is of this version. @returns false if it is not, or the session ended */
  saveSession(key: SessionKey, tokenVersion: number, session: string): Promise<boolean>;
  releaseRefresh(key: SessionKey, owner: string, outcome: RefreshRelease): Promise<void>;
  /**
   * Rate limit of token refreshes over all instances: slots are `intervalMs` apart. Acquires the next free slot if it is
   * at most `maxWaitMs` away. @returns the time until that slot, and whether it was acquired
   */
  acquireRefreshSlot(limit: {
    intervalMs: number;
    maxWaitMs: number;
  }): Promise<{ isAcquired: boolean; waitMs: number }>;

  /**
   * Counts a request for all of these rate limits, or for none if one of them is reached (sliding window, by the store's
   * clock). @returns one state for each; the request is admitted if no `retryAfterMs` is above 0
   */
  countRequest(scope: string, counters: readonly RateLimitCounter[]): Promise<RateLimitState[]>;

  /**
   * Adds a session to an index.
   * @returns false if the index is closed for logins of that time: the session must not be created
   */
  addToIndex(name: IndexName, entry: { key: SessionKey; maxMs: number; issuedAtSeconds: number }): Promise<boolean>;
  removeFromIndex(name: IndexName, key: SessionKey): Promise<void>;
  /** Oldest first; may include ended and expired sessions. */
  listIndex(name: IndexName): Promise<SessionKey[]>;
  /**
   * Closes an index for `ttlMs`, so that logins in progress cannot add sessions, and lists its sessions. Applies to logins
   * issued up to `issuedAtSeconds`; undefined: to all logins.
   */
  closeIndex(name: IndexName, close: { issuedAtSeconds: number | undefined; ttlMs: number }): Promise<SessionKey[]>;

  /** Whether `closeIndex` rejects logins of that time. */
  isClosed(name: IndexName, issuedAtSeconds: number): Promise<boolean>;
  /**
   * Lists all sessions in batches, without blocking the store. Sessions created meanwhile may be missing, ended ones may be
   * included, and a key may occur twice.
   */
  listAll(): AsyncIterable<SessionKey[]>;
  /**
   * One small step of a scan over all sessions, for paginated lists; the same guarantees as `listAll`.
   * @param position undefined: the first step; otherwise `next` of the previous step
   * @returns `next`: undefined after the last step
   */
  scanSessions(position: string | undefined): Promise<{ keys: SessionKey[]; next: string | undefined }>;

  /** Marks a one-time value (a state) as used. @returns false if it already was */
  markUsed(purpose: OneTimePurpose, hash: string, ttlMs: number): Promise<boolean>;
  /**
   * Claims a one-time value (a jti) for an action that may fail. The claim expires with its lease if the process dies.
   * @returns busy while another owner holds the lease, used after `completeClaim` or `markUsed`
   */
  claimOnce(purpose: OneTimePurpose, hash: string, lease: { owner: string; leaseMs: number }): Promise<OneTimeClaim>;
  /** The action succeeded: marks the value as used for `ttlMs`, also after the lease has expired. */
  completeClaim(purpose: OneTimePurpose, hash: string, ttlMs: number): Promise<void>;
  /** The action failed: the value may be claimed again. Does nothing if another owner holds the lease. */
  releaseClaim(purpose: OneTimePurpose, hash: string, owner: string): Promise<void>;

  /** Subscribes to the changes of all session records, by any instance. Absent if the store does not support it. */
  subscribeInvalidations?(listener: InvalidationListener): InvalidationFeed;

  /** @returns undefined if the store is usable, otherwise one sentence with the setting and the fix */
  check(): Promise<string | undefined>;
  close(): Promise<void>;
};

export type OneTimePurpose = "state" | "logout-token" | "dpop-proof";
export type OneTimeClaim = "claimed" | "busy" | "used";

/** Longest time between the start of a login and the storage of its session; closed indexes reject logins for that long. */
export const LOGIN_TAKES_AT_MOST_MS = 15 * 60_000;

export type InvalidationListener = {
  changed(key: SessionKey): void;
  /** Any record may have changed: the connection was lost, or the store was flushed. */
  anyChanged(): void;
  onState(state: FeedState): void;
};

export type FeedState =
  | { kind: "connected" }
  /** The reason is for the operator and names the fix. */
  | { kind: "disconnected"; reason: string }
  /** The topology of the store has no invalidations. */
  | { kind: "unsupported"; reason: string };

export type InvalidationFeed = {
  /** Whether invalidations arrive: records read from now on may be cached. */
  isConnected(): boolean;
  /**
   * Whether all changes older than MAX_STALENESS_MS have been received. Call it on every request: the calls trigger the
   * PINGs that prove it.
   */
  isFresh(): boolean;
  state(): FeedState;
  close(): void;
};

/**
 * Bound on the staleness of cached records: a cache is used only while its last proof of completeness is younger. A change
 * is visible to all instances after this time, also if a connection broke or stalled.
 */
export const MAX_STALENESS_MS = 100;

/** Longer than any request that could still hold the record of an ended session. */
export const TOMBSTONE_MS = 24 * 3_600_000;
