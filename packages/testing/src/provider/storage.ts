// Everything the provider remembers. The library's own store forgets past 1,000 entries.
import { errors, type Adapter, type AdapterPayload } from "oidc-provider";
import { expiringMap, type ExpiringMap } from "./expiring-map.ts";

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
  /** Revokes what was issued within a session, of one client or of all. */
  revokeIssuedWithin: (sessionUid: string, clientId?: string) => void;
  /** @returns seconds that the session has left, 0 for one that is gone */
  sessionSecondsLeft: (sessionUid: string) => number;
};

type Indexes = {
  /** Session uid → key: a session keeps its uid when its id changes. */
  sessionByUid: Map<string, string>;
  /** Grant → keys of what was issued under it: one family. */
  families: Map<string, Set<string>>;
  /** Session uid → the grants of its logins, each with its client. */
  grantsWithin: Map<string, Map<string, string | undefined>>;
};

type Entries = ExpiringMap<AdapterPayload>;

/** @param onReuse called when a spent refresh token is spent again by two requests at the same moment */
export function providerStorage(onReuse: () => void): ProviderStorage {
  const indexes: Indexes = { sessionByUid: new Map(), families: new Map(), grantsWithin: new Map() };
  const entries: Entries = expiringMap((key, payload) => removeFromIndexes(indexes, key, payload));
  const { sessionByUid, families, grantsWithin } = indexes;
  const revokeFamily = (grantId: string): void => {
    for (const key of families.get(grantId) ?? []) entries.delete(key);
    entries.delete(`Grant:${grantId}`);
  };
  const revokeIssuedWithin = (sessionUid: string, clientId?: string): void => {
    for (const [grantId, holder] of grantsWithin.get(sessionUid) ?? [])
      if (clientId === undefined || holder === clientId) revokeFamily(grantId);
  };
  return {
    adapter: (model) => adapterOf(model, { entries, indexes, revokeFamily, onReuse }),
    sessionsOf: (sub) => sessionsOf(entries, sub),
    endSession: ({ jti, uid }) => {
      revokeIssuedWithin(uid);
      entries.delete(`Session:${jti}`);
    },
    revokeIssuedWithin,
    sessionSecondsLeft: (uid) => {
      const expiresAtMs = entries.expiresAtMs(sessionByUid.get(uid) ?? "");
      return Math.max(0, Math.floor((expiresAtMs - Date.now()) / 1000));
    },
  };
}

type Parts = { entries: Entries; indexes: Indexes; revokeFamily: (grantId: string) => void; onReuse: () => void };

function adapterOf(model: string, { entries, indexes, revokeFamily, onReuse }: Parts): Adapter {
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
      // Two requests may both have read the token unspent: only here is it decided who was first.
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

function addToIndexes({ sessionByUid, families, grantsWithin }: Indexes, key: string, payload: AdapterPayload): void {
  const { grantId, uid, sessionUid, clientId } = payload;
  if (uid !== undefined && key.startsWith("Session:")) sessionByUid.set(uid, key);
  if (grantId === undefined) return;
  families.set(grantId, (families.get(grantId) ?? new Set()).add(key));
  if (typeof sessionUid !== "string") return;
  grantsWithin.set(sessionUid, (grantsWithin.get(sessionUid) ?? new Map()).set(grantId, clientId));
}

function removeFromIndexes(
  { sessionByUid, families, grantsWithin }: Indexes,
  key: string,
  payload: AdapterPayload,
): void {
  const { grantId, uid } = payload;
  // A session that was given a new id: the index already belongs to the newer entry, or soon will.
  if (uid !== undefined && sessionByUid.get(uid) === key) sessionByUid.delete(uid);
  if (grantId === undefined) return;
  const family = families.get(grantId);
  family?.delete(key);
  if (family?.size !== 0) return;
  families.delete(grantId);
  if (typeof payload["sessionUid"] !== "string") return;
  const grants = grantsWithin.get(payload["sessionUid"]);
  grants?.delete(grantId);
  if (grants?.size === 0) grantsWithin.delete(payload["sessionUid"]);
}

function sessionsOf(entries: Entries, sub: string): StoredSession[] {
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
