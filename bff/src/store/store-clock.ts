// The store's clock as this process knows it: asked for now and then, and in between counted on by a clock that nobody
// sets. So all instances measure by one clock, whatever their own clocks say, and no request waits for it
// (docs/decisions/0018-one-clock-for-token-lives.md).

export type StoreClock = {
  /** Milliseconds since 1970. Our own clock's, until the store's was measured. */
  nowMs(): number;
  /** What says that it was stored before this was stored before the clock was set back; -Infinity: we saw no such thing. */
  setBackAtMs(): number;
  isKnown(): boolean;
  /** Asks the store. @throws what asking throws */
  measure(): Promise<void>;
};

type Parts = {
  askMs: () => Promise<number>;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs?: () => number;
  localMs?: () => number;
};

/** `errorMs`: the store looked at its clock somewhere between question and answer. */
type Measured = { aheadOfMonotonicMs: number; errorMs: number; atMs: number };

/** Two ordinary clocks part by less. */
const MOST_DRIFT = 200 / 1_000_000;
/** By less the clock is corrected every day, and nothing that is stored has less of a margin. */
const SET_BACK_MS = 2_000;

export function createStoreClock({ askMs, monotonicMs, localMs = () => Date.now() }: Parts): StoreClock {
  const monotonic = monotonicMs ?? (() => performance.now());
  let known: Measured | undefined;
  let setBackAtMs = -Infinity;

  /** An answer that came slowly says less than a quick one of before, unless they contradict: then the clock was set. */
  const isBetter = ({ aheadOfMonotonicMs, errorMs, atMs }: Measured, than: Measured): boolean => {
    const errorByNowMs = errorAt(than, atMs);
    const differenceMs = Math.abs(aheadOfMonotonicMs - than.aheadOfMonotonicMs);
    return errorMs <= errorByNowMs || differenceMs > errorMs + errorByNowMs;
  };

  const isSetBack = (to: Measured, from: Measured): boolean =>
    from.aheadOfMonotonicMs - to.aheadOfMonotonicMs > SET_BACK_MS + to.errorMs + errorAt(from, to.atMs);

  return {
    setBackAtMs: () => setBackAtMs,
    nowMs: () => (known === undefined ? localMs() : known.aheadOfMonotonicMs + monotonic()),
    isKnown: () => known !== undefined,
    async measure() {
      const askedMs = monotonic();
      const storeMs = await askMs();
      const atMs = monotonic();
      const measured = { aheadOfMonotonicMs: storeMs - (askedMs + atMs) / 2, errorMs: (atMs - askedMs) / 2, atMs };
      // At the latest: rather is something renewed twice that others have stored by the new clock before we noticed.
      if (known !== undefined && isSetBack(measured, known)) setBackAtMs = atMs + measured.aheadOfMonotonicMs;
      if (known === undefined || isBetter(measured, known)) known = measured;
    },
  };
}

function errorAt({ errorMs, atMs }: Measured, nowMs: number): number {
  return errorMs + (nowMs - atMs) * MOST_DRIFT;
}
