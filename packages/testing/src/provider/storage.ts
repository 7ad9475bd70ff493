// In-memory storage adapter for oidc-provider, whose own is limited to 1,000 entries.
import { errors, type Adapter, type AdapterPayload } from "oidc-provider";
import { createExpiringMap, type ExpiringMap } from "./expiring-map.ts";

export type StoredSession = {
  jti: string;
  uid: string;
  accountId: string;
  authorizations: Record<string, { sid?: string; grantId?: string }>;
};

export type ProviderStorage = {
  adapter: (model: string) => Adapter;
  sessionsOf: (sub: string) => StoredSession[];
  endSession: (session: StoredSession) => void;
  /** Revokes all tokens issued in a session, of one client or of all clients. */
  revokeSessionTokens: (sessionUid: string, clientId?: string) => void;
  /** @returns the session's remaining lifetime, 0 if it does not exist */
  remainingSessionSeconds: (sessionUid: string) => number;
};

type Indexes = {
  /** Session uid → key. A session keeps its uid when its id changes. */
  sessionByUid: Map<string, string>;
  /** Grant id → keys of the tokens issued under it (token family). */
  families: Map<string, Set<string>>;
  /** Session uid → grant ids of its logins with their client ids. */
  grantsBySession: Map<string, Map<string, string | undefined>>;
};

type Entries = ExpiringMap<AdapterPayload>;

/** @param onReuse called when two concurrent requests use the same refresh token */
export function createProviderStorage(onReuse: () => void): ProviderStorage {
  const indexes: Indexes = { sessionByUid: new Map(), families: new Map(), grantsBySession: new Map() };
  const entries: Entries = createExpiringMap((key, payload) => removeFromIndexes(indexes, key, payload));
  const { sessionByUid, families, grantsBySession } = indexes;
  const revokeFamily = (grantId: string): void => {
    for (const key of families.get(grantId) ?? []) entries.delete(key);
    entries.delete(`Grant:${grantId}`);
  };
  const revokeSessionTokens = (sessionUid: string, clientId?: string): void => {
    for (const [grantId, grantClientId] of grantsBySession.get(sessionUid) ?? [])
      if (clientId === undefined || grantClientId === clientId) revokeFamily(grantId);
  };
  return {
    adapter: (model) => createAdapter(model, { entries, indexes, revokeFamily, onReuse }),
    sessionsOf: (sub) => findSessions(entries, sub),
    endSession: ({ jti, uid }) => {
      revokeSessionTokens(uid);
      entries.delete(`Session:${jti}`);
    },
    revokeSessionTokens,
    remainingSessionSeconds: (uid) => {
      const expiresAtMs = entries.expiresAtMs(sessionByUid.get(uid) ?? "");
      return Math.max(0, Math.floor((expiresAtMs - Date.now()) / 1000));
    },
  };
}

type AdapterDependencies = {
  entries: Entries;
  indexes: Indexes;
  revokeFamily: (grantId: string) => void;
  onReuse: () => void;
};

function createAdapter(model: string, { entries, indexes, revokeFamily, onReuse }: AdapterDependencies): Adapter {
  return {
    upsert: async (id, payload, expiresInSeconds = Infinity) => {
      entries.set(`${model}:${id}`, payload, Date.now() + expiresInSeconds * 1000);
      addToIndexes(indexes, `${model}:${id}`, payload);
    },
    find: async (id) => entries.get(`${model}:${id}`),
    findByUid: async (uid) => entries.get(indexes.sessionByUid.get(uid) ?? ""),
    findByUserCode: async () => undefined,
    destroy: async (id) => entries.delete(`${model}:${id}`),
    revokeByGrantId: async (grantId) => revokeFamily(grantId),
    consume: async (id) => {
      let isFirst = false;
      // Concurrent requests may both have read the token as unused; the atomic update decides which is first.
      entries.update(`${model}:${id}`, (payload) => {
        isFirst = payload.consumed === undefined;
        payload.consumed ??= Math.floor(Date.now() / 1000);
      });
      if (isFirst) return;
      if (model === "RefreshToken") onReuse();
      const grantId = entries.get(`${model}:${id}`)?.grantId;
      if (grantId !== undefined) revokeFamily(grantId);
      throw new errors.InvalidGrant("already used");
    },
  };
}

function addToIndexes(
  { sessionByUid, families, grantsBySession }: Indexes,
  key: string,
  payload: AdapterPayload,
): void {
  const { grantId, uid, sessionUid, clientId } = payload;
  if (uid !== undefined && key.startsWith("Session:")) sessionByUid.set(uid, key);
  if (grantId === undefined) return;
  families.set(grantId, (families.get(grantId) ?? new Set()).add(key));
  if (typeof sessionUid !== "string") return;
  grantsBySession.set(sessionUid, (grantsBySession.get(sessionUid) ?? new Map()).set(grantId, clientId));
}

function removeFromIndexes(
  { sessionByUid, families, grantsBySession }: Indexes,
  key: string,
  payload: AdapterPayload,
): void {
  const { grantId, uid } = payload;
  // Unless the session got a new id and the index refers to its new key.
  if (uid !== undefined && sessionByUid.get(uid) === key) sessionByUid.delete(uid);
  if (grantId === undefined) return;
  const family = families.get(grantId);
  family?.delete(key);
  if (family?.size !== 0) return;
  families.delete(grantId);
  if (typeof payload["sessionUid"] !== "string") return;
  const grants = grantsBySession.get(payload["sessionUid"]);
  grants?.delete(grantId);
  if (grants?.size === 0) grantsBySession.delete(payload["sessionUid"]);
}

function findSessions(entries: Entries, sub: string): StoredSession[] {
  return entries
    .all()
    .filter(([key, payload]) => key.startsWith("Session:") && payload.accountId === sub)
    .map(([key, payload]) => ({
      jti: key.slice("Session:".length),
      uid: payload.uid ?? "",
      accountId: sub,
      authorizations: (payload["authorizations"] ?? {}) as StoredSession["authorizations"],
    }));
}
