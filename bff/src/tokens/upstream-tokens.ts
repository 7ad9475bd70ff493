// Caches of access tokens for one upstream's audience: the gateway's own (client credentials, token mode `client`) and a
// user's exchanged ones (RFC 8693). In memory only.
import type { TokenTarget } from "../config/upstreams.ts";
import { FifoCache, REMEMBERED_SESSIONS } from "../lib/fifo-cache.ts";
import type { SessionKey } from "../store/store.ts";
import { createCachedToken, type CachedToken } from "./cached-token.ts";
import type { AccessToken, TokenGrant } from "./token-set.ts";

export type ExchangeToken = (subject: AccessToken, target: TokenTarget) => Promise<TokenGrant>;

type FetchClientToken = (target: TokenTarget) => Promise<TokenGrant>;

/** One cached token per target; all sessions share it. */
export function createClientToken(fetchToken: FetchClientToken) {
  // Bounded by the number of different targets in the upstream table.
  const cache = new Map<string, CachedToken>();

  /** @throws GatewayError provider_unavailable while no usable token is cached */
  return function clientToken(target: TokenTarget, rejected?: string): Promise<AccessToken> {
    const name = JSON.stringify(target);
    const token = cache.get(name) ?? createCachedToken(() => fetchToken(target));
    cache.set(name, token);
    return token(rejected);
  };
}

type Entry = { subjectToken: string; token: CachedToken };

type ExchangeRequest = {
  target: TokenTarget;
  /** See CachedToken. */
  rejected: string | undefined;
};

/** Entries that are checked for expiry at each insertion. */
const SWEEP_SIZE = 8;

/** One cached token per session and target, valid for one access token of the session: a refresh invalidates it. */
export function createExchangedToken(exchange: ExchangeToken) {
  const cache = new FifoCache<string, Entry>(REMEMBERED_SESSIONS);

  /** Entries of ended sessions are never read again; they are removed once their token has expired. */
  const sweep = (): void => {
    let checked = 0;
    for (const [name, { token }] of cache) {
      if (++checked > SWEEP_SIZE) return;
      if (token.hasExpired()) cache.delete(name);
    }
  };
  /** @throws GatewayError forbidden | provider_unavailable */
  return function exchangedToken(
    key: SessionKey,
    subject: AccessToken,
    { target, rejected }: ExchangeRequest,
  ): Promise<AccessToken> {
    // Cache key: session and target, so that a token never reaches another user's request (I3). The subject token is
    // compared too: after a refresh it differs.
    const name = `${key} ${JSON.stringify(target)}`;
    const known = cache.get(name);
    if (known !== undefined && known.subjectToken === subject.accessToken) return known.token(rejected);
    sweep();
    const token = createCachedToken(() => exchange(subject, target));
    cache.set(name, { subjectToken: subject.accessToken, token });
    return token();
  };
}
