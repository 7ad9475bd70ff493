// Paginated lists of an application's sessions for administrators: of a user, of a session of the provider, or all of them,
// optionally by device. Descriptions contain the public handle, never a key or a session id (I1).
import { isoTime } from "../lib/iso-time.ts";
import type { SessionKey, Store } from "../store/store.ts";
import { indexOf, userIndex, type UserName } from "./indexes.ts";
import { parseSession, providerSessionName, type Session } from "./session.ts";
import type { UserSession } from "./user-sessions.ts";

export type SessionDescription = {
  /** Public handle, as in the log and in /bff/sessions. */
  id: string;
  issuer: string;
  subject: string;
  /** Hash of the provider's session id, as in the log. */
  providerSession: string | null;
  device: string | null;
  createdAt: string;
  lastUsedAt: string | null;
  idleExpiresAt: string;
  expiresAt: string;
};

export type SessionFilter = {
  user?: UserName;
  providerSession?: { issuer: string; providerSid: string };
  /** Part of the device name, in any case. */
  device?: string;
};

/** Where the next page begins. */
export type PagePosition =
  /** Next step of the scan, and the sessions of the current step that are not on a page yet. */
  | { kind: "scan"; step: string | null; left: SessionKey[] }
  /** The last session of the page before, in the order newest first. */
  | { kind: "index"; createdAtMs: number; id: string };

export type PageRequest = { filter: SessionFilter; limit: number; position: PagePosition | undefined };
export type SessionPage = { sessions: SessionDescription[]; next: PagePosition | undefined };

type ListStore = Pick<Store, "listIndex" | "readWithTimes" | "scanSessions" | "nowMs">;

/** Sessions that one call reads at the same time. */
const READS_AT_ONCE = 64;
/** Steps of a scan per page: a page may be empty although further ones are not. */
const STEPS_PER_PAGE = 100;

/** @throws GatewayError store_unavailable */
export function createSessionList(store: ListStore) {
  const read = async (key: SessionKey): Promise<UserSession | undefined> => {
    const stored = await store.readWithTimes(key);
    const session = stored === undefined ? undefined : parseSession(stored.session);
    if (stored === undefined || session === undefined) return undefined;
    const { idleExpiresInMs, expiresInMs, usedAgoMs } = stored;
    return { key, session, idleExpiresInMs, expiresInMs, usedAgoMs };
  };
  const readAll = async (keys: readonly SessionKey[]): Promise<UserSession[]> => {
    const found: (UserSession | undefined)[] = [];
    for (let at = 0; at < keys.length; at += READS_AT_ONCE)
      found.push(...(await Promise.all(keys.slice(at, at + READS_AT_ONCE).map(read))));
    return found.filter((each) => each !== undefined);
  };
  const describe = (each: UserSession): SessionDescription => describeSession(each, store.nowMs());

  const pageOfIndex = async (keys: readonly SessionKey[], request: PageRequest): Promise<SessionPage> => {
    const { filter, limit, position } = request;
    const found = (await readAll(keys)).filter(({ session }) => matches(session, filter)).toSorted(newestFirst);
    const left =
      position?.kind === "index" ? found.filter(({ session }) => compare(session, position, position.id) > 0) : found;
    const page = left.slice(0, limit);
    const last = page.at(-1)?.session;
    const isComplete = last === undefined || page.length === left.length;
    return {
      sessions: page.map(describe),
      next: isComplete ? undefined : { kind: "index", createdAtMs: last.createdAtMs, id: last.handle },
    };
  };

  /** A session may be on two pages if Redis moves it during the scan; none that exists all the time is missing. */
  const pageOfScan = async ({ filter, limit, position }: PageRequest): Promise<SessionPage> => {
    const found = new Map<SessionKey, UserSession>();
    let [step, left] = position?.kind === "scan" ? [position.step, position.left] : ["", []];
    for (let steps = 0; found.size < limit && (left.length > 0 || step !== null);) {
      if (left.length === 0) {
        if (steps++ === STEPS_PER_PAGE) break;
        const { keys, next = null } = await store.scanSessions(step || undefined);
        [step, left] = [next, keys];
      }
      const keys = left.slice(0, Math.max(limit - found.size, 1));
      left = left.slice(keys.length);
      for (const each of await readAll(keys)) if (matches(each.session, filter)) found.set(each.key, each);
    }
    return {
      sessions: [...found.values()].map(describe),
      next: left.length === 0 && step === null ? undefined : { kind: "scan", step, left },
    };
  };

  return {
    read,
    describe,
    async page(request: PageRequest): Promise<SessionPage> {
      const { user, providerSession } = request.filter;
      if (user !== undefined) return pageOfIndex(await store.listIndex(userIndex(user)), request);
      if (providerSession === undefined) return pageOfScan(request);
      const index = indexOf({ kind: "provider-session", ...providerSession });
      return pageOfIndex(await store.listIndex(index), request);
    },
  };
}

/** The record decides whose session it is, never the index (I3). */
function matches({ issuer, subject, providerSid, device }: Session, filter: SessionFilter): boolean {
  const { user, providerSession } = filter;
  if (user !== undefined && (issuer !== user.issuer || subject !== user.subject)) return false;
  if (providerSession !== undefined)
    if (issuer !== providerSession.issuer || providerSid !== providerSession.providerSid) return false;
  return filter.device === undefined || device?.toLowerCase().includes(filter.device.toLowerCase()) === true;
}

type Sorted = { createdAtMs: number };

const newestFirst = (one: UserSession, other: UserSession): number =>
  compare(one.session, other.session, other.session.handle);

/** Positive if `session` comes after the other one in the order newest first. */
function compare(session: Session, other: Sorted, otherHandle: string): number {
  if (session.createdAtMs !== other.createdAtMs) return other.createdAtMs - session.createdAtMs;
  return session.handle === otherHandle ? 0 : session.handle > otherHandle ? 1 : -1;
}

function describeSession({ session, ...times }: UserSession, nowMs: number): SessionDescription {
  const { idleExpiresInMs, expiresInMs, usedAgoMs } = times;
  return {
    id: session.handle,
    issuer: session.issuer,
    subject: session.subject,
    providerSession: providerSessionName(session.providerSid) ?? null,
    device: session.device ?? null,
    createdAt: isoTime(session.createdAtMs),
    lastUsedAt: usedAgoMs === undefined ? null : isoTime(nowMs - usedAgoMs),
    idleExpiresAt: isoTime(nowMs + Math.min(idleExpiresInMs, expiresInMs)),
    expiresAt: isoTime(nowMs + expiresInMs),
  };
}
