// One access token that is fetched when it is first needed, shared by all who need it, and renewed before it ages.
import { tokenSetFrom, type TokenGrant, type TokenSet } from "./token-set.ts";

export type KeptToken = {
  /** @throws what the fetch throws, while there is no token that could be used */
  (): Promise<string>;
  /** From here on the token that is kept is of no use; 0: there is none. */
  usableUntilMs(): number;
};

/** After a failure nobody asks for so long: a provider that is down, or refuses, is not asked by every request. */
const PAUSE_MS = 1_000;

export function keepToken(fetchToken: () => Promise<TokenGrant>, now: () => number): KeptToken {
  let current: TokenSet | undefined;
  let flight: Promise<TokenSet> | undefined;
  let failure: { error: unknown; untilMs: number } | undefined;

  const renew = async (): Promise<TokenSet> => {
    if (failure !== undefined && now() < failure.untilMs) throw failure.error;
    try {
      current = tokenSetFrom(await fetchToken(), undefined, { nowMs: now(), random: Math.random() });
      failure = undefined;
      return current;
    } catch (error) {
      failure = { error, untilMs: now() + PAUSE_MS };
      throw error;
    }
  };
  const renewOnce = (): Promise<TokenSet> => {
    flight ??= renew().finally(() => (flight = undefined));
    return flight;
  };
  const keptToken = async (): Promise<string> => {
    if (current === undefined || now() >= current.usableUntilMs) return (await renewOnce()).accessToken;
    // A fault in the background is met, and answered for, by whoever needs the token once it is too old.
    if (now() >= current.refreshAtMs) renewOnce().catch(() => undefined);
    return current.accessToken;
  };
  return Object.assign(keptToken, { usableUntilMs: () => current?.usableUntilMs ?? 0 });
}
