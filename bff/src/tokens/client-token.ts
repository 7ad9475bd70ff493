// The gateway's own access token, for upstreams with token mode `client`: fetched once, shared by all until it ages.
import { tokenSetFrom, type TokenGrant, type TokenSet } from "./token-set.ts";

/** @throws GatewayError provider_unavailable while there is none that could be used */
export function createClientToken(fetchToken: () => Promise<TokenGrant>, now: () => number = Date.now) {
  let current: TokenSet | undefined;
  let flight: Promise<TokenSet> | undefined;

  const renew = (): Promise<TokenSet> => {
    flight ??= fetchToken()
      .then((grant) => (current = tokenSetFrom(grant, undefined, { nowMs: now(), random: Math.random() })))
      .finally(() => (flight = undefined));
    return flight;
  };
  return async function clientToken(): Promise<string> {
    if (current === undefined || now() >= current.usableUntilMs) return (await renew()).accessToken;
    // A fault in the background is met, and answered for, by whoever needs the token once it is too old.
    if (now() >= current.refreshAtMs) renew().catch(() => undefined);
    return current.accessToken;
  };
}
