// Claims that are not in the refresh response (userinfo): fetched and stored after the new tokens are stored.
import { GatewayError } from "../errors.ts";
import { withDeadline } from "../lib/with-deadline.ts";
import type { Log } from "../logging/log.ts";
import type { SessionKey, Store } from "../store/store.ts";

export type Claims = Readonly<Record<string, unknown>>;

export type FetchedClaims = {
  claims: Claims;
  /** Claims of the session that are not in `claims` stay. */
  isPartial: boolean;
  /** Why the claims are only those of the new ID token. */
  problem?: string;
};

/** @returns the session record with these claims, undefined if it cannot be renewed */
export type RenewRecord = (record: string, fetched: FetchedClaims) => string | undefined;

/** Longest that a request waits for the claims. They are stored also after that. */
const CLAIMS_WAIT_MS = 1_000;

type Dependencies = {
  store: Pick<Store, "saveSession">;
  log: Pick<Log, "warn">;
  renewRecord?: RenewRecord | undefined;
};

/** `tokenVersion`: of the token set that the refresh has replaced. */
type RefreshedSession = { key: SessionKey; handle: string; record: string; tokenVersion: number };

/** Never throws: without new claims the session keeps the old ones, and the new tokens are stored already (I4, I5). */
export async function saveFetchedClaims(
  { store, log, renewRecord }: Dependencies,
  { key, handle, record, tokenVersion }: RefreshedSession,
  fetchClaims: () => Promise<FetchedClaims>,
): Promise<void> {
  const save = async (): Promise<void> => {
    try {
      const fetched = await fetchClaims();
      if (fetched.problem !== undefined)
        log.warn("claims renewed by the ID token only, the session keeps its other claims", {
          session: handle,
          reason: fetched.problem,
        });
      const renewed = renewRecord?.(record, fetched);
      // The token write has incremented the version. A later refresh fetches claims of its own.
      if (renewed !== undefined) await store.saveSession(key, tokenVersion + 1, renewed);
    } catch (error) {
      log.warn("claims not renewed after a token refresh, the session keeps its claims", {
        session: handle,
        reason: error instanceof GatewayError ? (error.reason ?? error.code) : "unexpected error",
      });
    }
  };
  await withDeadline(save(), CLAIMS_WAIT_MS, undefined);
}
