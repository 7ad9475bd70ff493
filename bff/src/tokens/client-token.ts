// The gateway's own access tokens, for upstreams with token mode `client`: one for each target, shared by all.
import type { TokenTarget } from "../config/upstreams.ts";
import { keepToken, type CachedToken } from "./cached-token.ts";
import type { TokenGrant } from "./token-set.ts";

type FetchToken = (target: TokenTarget) => Promise<TokenGrant>;

/** @throws GatewayError provider_unavailable while there is none that could be used */
export function createClientToken(fetchToken: FetchToken) {
  // As many as the upstream table has different targets.
  const kept = new Map<string, CachedToken>();

  return function clientToken(target: TokenTarget): Promise<string> {
    const name = JSON.stringify(target);
    const known = kept.get(name) ?? keepToken(() => fetchToken(target));
    kept.set(name, known);
    return known();
  };
}
