// Estimate of the store's clock: measured periodically, extrapolated with the monotonic clock in between. All instances
// share one clock although their own differ, and no request waits for a measurement
// (docs/decisions/0018-one-clock-for-token-lives.md).

export type StoreClock = {
  /** Milliseconds since the Unix epoch; by the local clock until the first measurement. */
  nowMs(): number;
  /** Time at which a backward jump of the store's clock was detected, by the clock after the jump; -Infinity: never. */
  setBackAtMs(): number;
  isKnown(): boolean;
  /** Measures the store's clock. @throws the error of `readStoreMs` */
  measure(): Promise<void>;
};

type StoreClockOptions = {
  /** Reads the store's clock, in milliseconds since the Unix epoch. */
  readStoreMs: () => Promise<number>;
  /** Milliseconds of a monotonic clock. */
  monotonicMs?: () => number;
  localMs?: () => number;
};

/** `errorMs` is half the round trip: the store read its clock at some point in between. */
type Measurement = { aheadOfMonotonicMs: number; errorMs: number; atMs: number };

/** Upper bound of the drift between two ordinary clocks (200 ppm). */
const MAX_DRIFT = 200 / 1_000_000;
/** Smaller corrections (NTP) are routine; every stored limit tolerates them. */
const SET_BACK_MS = 2_000;

export function createStoreClock({
  readStoreMs,
  monotonicMs,
  localMs = () => Date.now(),
}: StoreClockOptions): StoreClock {
  const monotonic = monotonicMs ?? (() => performance.now());
  let known: Measurement | undefined;
  let setBackAtMs = -Infinity;

  /** Prefers the measurement with the smaller error, unless the two contradict each other: then the clock was changed. */
  const isBetter = ({ aheadOfMonotonicMs, errorMs, atMs }: Measurement, than: Measurement): boolean => {
    const errorByNowMs = errorAt(than, atMs);
    const differenceMs = Math.abs(aheadOfMonotonicMs - than.aheadOfMonotonicMs);
    return errorMs <= errorByNowMs || differenceMs > errorMs + errorByNowMs;
  };

  const isSetBack = (to: Measurement, from: Measurement): boolean =>
    from.aheadOfMonotonicMs - to.aheadOfMonotonicMs > SET_BACK_MS + to.errorMs + errorAt(from, to.atMs);

  return {
    setBackAtMs: () => setBackAtMs,
    nowMs: () => (known === undefined ? localMs() : known.aheadOfMonotonicMs + monotonic()),
    isKnown: () => known !== undefined,
    async measure() {
      const sentMs = monotonic();
      const storeMs = await readStoreMs();
      const atMs = monotonic();
      const measured = { aheadOfMonotonicMs: storeMs - (sentMs + atMs) / 2, errorMs: (atMs - sentMs) / 2, atMs };
      // The latest possible time of the jump. Values written between jump and detection are then renewed once too often.
      if (known !== undefined && isSetBack(measured, known)) setBackAtMs = atMs + measured.aheadOfMonotonicMs;
      if (known === undefined || isBetter(measured, known)) known = measured;
    },
  };
}

function errorAt({ errorMs, atMs }: Measurement, nowMs: number): number {
  return errorMs + (nowMs - atMs) * MAX_DRIFT;
}
