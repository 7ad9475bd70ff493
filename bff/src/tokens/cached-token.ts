// One access token that is fetched when it is first needed, shared by all who need it, and renewed before it ages.
// This process alone measures its age, and no clock that is set makes it younger.
import { tokenSetFrom, type TokenGrant } from "./token-set.ts";

export type CachedToken = {
  /** @throws what the fetch throws, while there is no token that could be used */
  (): Promise<string>;
  /** The token that is kept is of no use any more. */
  hasExpired(): boolean;
};

type Clocks = {
  /** Nobody sets it, but it may stand still while a virtual machine is suspended. */
  monotonicMs: () => number;
  /** It counts on then, but may be set. */
  localMs: () => number;
};

type Aging = { accessToken: string; dueAfterMs: number; usableForMs: number; ageMs: () => number };

/** After a failure nobody asks for so long: a provider that is down, or refuses, is not asked by every request. */
const PAUSE_MS = 1_000;

const OWN_CLOCKS: Clocks = { monotonicMs: () => performance.now(), localMs: () => Date.now() };

export function keepToken(fetchToken: () => Promise<TokenGrant>, clocks: Clocks = OWN_CLOCKS): CachedToken {
  const { monotonicMs } = clocks;
  let current: Aging | undefined;
  let flight: Promise<Aging> | undefined;
  let failure: { error: unknown; untilMs: number } | undefined;

  const renew = async (): Promise<Aging> => {
    if (failure !== undefined && monotonicMs() < failure.untilMs) throw failure.error;
    try {
      current = agingFrom(await fetchToken(), clocks);
      failure = undefined;
      return current;
    } catch (error) {
      failure = { error, untilMs: monotonicMs() + PAUSE_MS };
      throw error;
    }
  };
  const renewOnce = (): Promise<Aging> => {
    flight ??= renew().finally(() => (flight = undefined));
    return flight;
  };
  const hasExpired = (): boolean => current !== undefined && current.ageMs() >= current.usableForMs;
  const cachedToken = async (): Promise<string> => {
    if (current === undefined || hasExpired()) return (await renewOnce()).accessToken;
    // A fault in the background is met, and answered for, by whoever needs the token once it is too old.
    if (current.ageMs() >= current.dueAfterMs) renewOnce().catch(() => undefined);
    return current.accessToken;
  };
  return Object.assign(cachedToken, { hasExpired });
}

/** As old as the clock says by which it is older. */
function agingFrom(grant: TokenGrant, { monotonicMs, localMs }: Clocks): Aging {
  const [gotMonotonicMs, gotLocalMs] = [monotonicMs(), localMs()];
  const clock = { nowMs: 0, random: Math.random() };
  // Fetched anew, never refreshed.
  const tokens = tokenSetFrom({ ...grant, refreshToken: undefined }, undefined, clock);
  const { accessToken, refreshAtMs, usableUntilMs } = tokens;
  return {
    ...{ accessToken, dueAfterMs: refreshAtMs, usableForMs: usableUntilMs },
    ageMs: () => Math.max(monotonicMs() - gotMonotonicMs, localMs() - gotLocalMs),
  };
}
