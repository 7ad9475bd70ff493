// What a session store can do: the one interface that Redis and the in-process store share, and its words.
// Every write is conditional on what it replaces; nothing here ever creates again what was ended.

/** `sha256(session id)` in base64url: names a record without being able to open it. */
export type SessionKey = string;

/** Why a session ended. Kept as a tombstone, so that the browser can be told. */
const END_REASONS = [
  "logout",
  "replaced",
  "refresh_rejected",
  "provider_logout",
  /** By its user from another browser, or by an administrator. */
  "revoked",
  /** A newer one took its place: SESSIONS_PER_USER. */
  "limit",
  "expired",
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** A reason that instances of another release have and we do not know ends a session all the same. */
export function endReasonFrom(stored: string): EndReason {
  return END_REASONS.find((reason) => reason === stored) ?? "revoked";
}

/**
 * Ends that somebody asked for and is told of: once told, no instance may accept the session (I2), and no failover may
 * bring it back. Also where there was nothing to end any more, for somebody else may have ended it a moment ago.
 */
export const ACKNOWLEDGED: ReadonlySet<EndReason> = new Set(["logout", "provider_logout", "revoked"]);

export type StoredSession = {
  /** The koa-session record as JSON: who and since when, never a token. */
  session: string;
  /** The sealed token set. */
  tokens: string;
  /** Counts the token sets of this session; a refresh is a compare-and-set on it. */
  tokenVersion: number;
  /** Changes with every write of the record, where the store has such a mark: for conditional reads. */
  revision?: string;
};

export type SessionTimes = {
  idleExpiresInMs: number;
  expiresInMs: number;
  /** Since the store last heard that it is in use; undefined for a record of a release that did not note it. */
  usedAgoMs: number | undefined;
};

/** Times alone: for whoever only waits for the end. */
export type SessionLimits = Pick<SessionTimes, "idleExpiresInMs" | "expiresInMs"> & {
  /** How long it may go unused: by the idle limit, or until its tokens cannot be renewed any more. */
  idleMs: number;
};

export type EndListener = {
  /** A session was ended, here or on another instance. Running out is not told: that is for a timer. */
  onEnd: (key: SessionKey, reason: EndReason) => void;
  /** Ends may have gone unheard until now: whatever matters must be looked at again. */
  onResubscribe: () => void;
};

/**
 * For how long from now a session's tokens can be spent or renewed, in milliseconds; then it is over, used or not.
 * `unknown`: the provider does not say. `unchanged`: the refresh token is still the one that was there.
 */
export type TokenLife = number | "unknown" | "unchanged";

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
  /** How long a lease that ran out is left to its holder, from when that was first noticed. */
  graceMs: number;
};

export type RefreshClaim =
  /** The caller may spend the refresh token. `afterUnknown`: an earlier spender never reported what became of it. */
  | { kind: "claimed"; afterUnknown: boolean }
  /** Somebody else is spending it; the lease runs for so long yet. */
  | { kind: "busy"; leaseMs: number }
  /** The token set is no longer the one the caller read. */
  | { kind: "changed"; stored: StoredSession }
  | { kind: "gone" };

/** What became of a claim that produced no token set. */
export type RefreshRelease =
  /** The refresh token was certainly not spent: anyone may try again. */
  | "unspent"
  /** The request left and no answer came: the next claim is the one further attempt (I4). */
  | "unknown";

/**
 * What an index is kept for: the provider's session, a user (issuer and subject), or what a user has asked to end by its
 * handle. All as hashes.
 */
export type IndexName = { kind: "provider-session" | "user" | "asked-to-end" | "all"; hash: string };

/** Lists nothing, but can be closed: then no login before that begins a session, whoever it is. */
export const ALL_SESSIONS: IndexName = { kind: "all", hash: "all" };

/** @throws GatewayError store_unavailable from every method. */
export type Store = {
  /**
   * The store's clock, in milliseconds since 1970: the one that all instances share. Whatever one of them writes down and
   * another one compares is by this clock. Arithmetic: nobody is asked, and it throws nothing.
   */
  nowMs(): number;
  /**
   * Whatever says that it was stored before this was stored before the store's clock was set back, or by another server's
   * clock; -Infinity: this instance saw no such thing. As arithmetic as the time.
   */
  setBackAtMs(): number;

  /**
   * Reads a record from the store.
   * @param known what was read before. @returns that same object if the record has not changed since
   */
  read(key: SessionKey, known?: StoredSession): Promise<StoredSession | undefined>;
  readWithTimes(key: SessionKey): Promise<(StoredSession & SessionTimes) | undefined>;
  limitsOf(key: SessionKey): Promise<SessionLimits | undefined>;
  /** @returns false where the key exists or was ended before. */
  create(session: NewSession): Promise<boolean>;
  /** Moves the idle limit; never beyond the absolute one, never for what has ended. */
  slide(key: SessionKey): Promise<void>;
  /** Deletes the record and leaves a tombstone, in one step. @returns the koa-session JSON that was there. */
  end(key: SessionKey, reason: EndReason): Promise<string | undefined>;
  endReason(key: SessionKey): Promise<EndReason | undefined>;
  /** Hears of every end on every instance, from the first `onResubscribe` on. Throws nothing. @returns how to stop */
  onSessionEnd(listener: EndListener): () => void;
  /** @returns undefined while ends can be told and heard, otherwise one sentence that names the setting and the cure. */
  listenFault(): string | undefined;

  /** Takes the lease on the session's refresh token, if the token set is still version `tokenVersion`. */
  claimRefresh(key: SessionKey, claim: RefreshClaimRequest): Promise<RefreshClaim>;
  /** @returns false where the lease is no longer the owner's. */
  renewRefresh(key: SessionKey, owner: string, leaseMs: number): Promise<boolean>;
  /** Stores the new token set and ends the lease. @returns false where the owner was fenced off or the session ended. */
  saveTokens(key: SessionKey, owner: string, tokens: string, life?: TokenLife): Promise<boolean>;
  releaseRefresh(key: SessionKey, owner: string, outcome: RefreshRelease): Promise<void>;
  /**
   * The next of the turns, `intervalMs` apart, in which all instances ask the provider for refreshes; taken only if it
   * comes within `longestMs`.
   */
  refreshTurn(turn: { intervalMs: number; longestMs: number }): Promise<{ isTaken: boolean; waitMs: number }>;

  /**
   * Adds a session to an index.
   * @returns false where a logout for that index is already known: the session must not live.
   */
  addToIndex(name: IndexName, entry: { key: SessionKey; maxMs: number; issuedAtSeconds: number }): Promise<boolean>;
  removeFromIndex(name: IndexName, key: SessionKey): Promise<void>;
  /** Oldest first; a session that has ended or run out may still be among them. */
  listIndex(name: IndexName): Promise<SessionKey[]>;
  /**
   * Remembers that all sessions of an index end, also those whose login is still being stored, and lists them.
   * `issuedAtSeconds`: logins issued later are not meant; undefined: all are, for ever.
   */
  closeIndex(name: IndexName, close: { issuedAtSeconds: number | undefined; ttlMs: number }): Promise<SessionKey[]>;

  /** Whether a login of that time is barred by a `closeIndex`. */
  isClosed(name: IndexName, issuedAtSeconds: number): Promise<boolean>;
  /**
   * Every session, a batch at a time, without holding up anybody else; one that begins meanwhile may be missing, one
   * that ends meanwhile may be there, and one may come twice.
   */
  listAll(): AsyncIterable<SessionKey[]>;

  /** Remembers a one-time value (a state). @returns false where it was there already. */
  markUsed(purpose: OneTimePurpose, hash: string, ttlMs: number): Promise<boolean>;
  /**
   * Claims a one-time value (a jti) for an action that may fail: the lease ends by itself should the process die.
   * @returns busy where another owner's lease runs, used after `completeClaim` or `markUsed`
   */
  claimOnce(purpose: OneTimePurpose, hash: string, lease: { owner: string; leaseMs: number }): Promise<OneTimeClaim>;
  /** The action succeeded: the value is used for `ttlMs`, also where the lease has run out. */
  completeClaim(purpose: OneTimePurpose, hash: string, ttlMs: number): Promise<void>;
  /** The action failed: the value may be claimed again. Does nothing where another owner has it. */
  releaseClaim(purpose: OneTimePurpose, hash: string, owner: string): Promise<void>;

  /** Begins to tell of every change to a session record, by whomever it is made. Absent: the store cannot. */
  subscribeInvalidations?(listener: ChangeListener): ChangeFeed;

  /** @returns undefined when all is well, otherwise one sentence that names the setting and the cure. */
  check(): Promise<string | undefined>;
  close(): Promise<void>;
};

export type OneTimePurpose = "state" | "logout-token";
export type OneTimeClaim = "claimed" | "busy" | "used";

/** So long can a logout of "all sessions" precede the storing of one that it means. */
export const LOGIN_TAKES_AT_MOST_MS = 15 * 60_000;
export type ChangeListener = {
  changed(key: SessionKey): void;
  /** Any record may have changed: the connection is gone, or the store was emptied. */
  anyChanged(): void;
  onState(state: FeedState): void;
};

export type FeedState =
  | { kind: "hearing" }
  /** Not now. The reason is for an operator, with the cure. */
  | { kind: "silent"; reason: string }
  /** Not with this kind of store. */
  | { kind: "impossible"; reason: string };

export type ChangeFeed = {
  /** Whether changes are heard of: what is read from now on may be kept until one is. */
  isConnected(): boolean;
  /**
   * Whether every change that is longer ago than MAX_STALENESS_MS has been heard of. To be asked on every request:
   * asking is what keeps the proof coming.
   */
  isFresh(): boolean;
  state(): FeedState;
  close(): void;
};

/**
 * Nobody answers from memory unless it was proven so recently that nothing is missing. So this long after a change was
 * stored nobody can be unaware of it, whatever connection has broken or gone silent since.
 */
export const MAX_STALENESS_MS = 100;

/** Tombstones outlive every request that could still hold the session's record. */
export const TOMBSTONE_MS = 24 * 3_600_000;
