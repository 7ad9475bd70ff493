// A user's access token exchanged for one that another audience takes (RFC 8693). Kept in memory only, for one session,
// for one access token of it: a refresh, and with it the end of the session, leaves nothing that could be used.
import { FifoCache, REMEMBERED_SESSIONS } from "../lib/fifo-cache.ts";
import type { SessionKey } from "../store/store.ts";
import type { TokenTarget } from "../config/upstreams.ts";
import { keepToken, type CachedToken } from "./cached-token.ts";
import type { TokenGrant } from "./token-set.ts";

export type ExchangeToken = (accessToken: string, target: TokenTarget) => Promise<TokenGrant>;

type Kept = { subjectToken: string; token: CachedToken };

/** So many old entries are looked at whenever a new one comes in. */
const SWEEP = 8;

/** @throws GatewayError forbidden | provider_unavailable */
export function createExchangedToken(exchange: ExchangeToken) {
  const kept = new FifoCache<string, Kept>(REMEMBERED_SESSIONS);

  /** Those of ended sessions are never asked for again: they go when they have expired. */
  const sweep = (): void => {
    let looked = 0;
    for (const [name, { token }] of kept) {
      if (++looked > SWEEP) return;
      if (token.hasExpired()) kept.delete(name);
    }
  };
  return function exchangedToken(key: SessionKey, accessToken: string, target: TokenTarget): Promise<string> {
    // I3: the session is part of the name, and the token that is exchanged is compared besides.
    const name = `${key} ${JSON.stringify(target)}`;
    const known = kept.get(name);
    if (known !== undefined && known.subjectToken === accessToken) return known.token();
    sweep();
    const token = keepToken(() => exchange(accessToken, target));
    kept.set(name, { subjectToken: accessToken, token });
    return token();
  };
}
