// Whether the provider's clock and ours agree. An ID token says when it was issued, and that was a moment ago.

export const CLOCK_TOLERANCE_SECONDS = 30;
/** Synchronized clocks differ by less than one: somebody should look before logins are refused. */
const CLOCK_ALARM_SECONDS = 10;

export type ClockDifference = {
  /** Told `iat` of every ID token that has just been issued to us. */
  observe(issuedAtSeconds: unknown): void;
  /** @returns one sentence with the cure while the clocks differ by more than is tolerated. */
  fault(): string | undefined;
  /** @returns the same from where it is worth a look, while logins still work. */
  alarm(): string | undefined;
};

export function createClockDifference(nowSeconds: () => number = () => Date.now() / 1000): ClockDifference {
  let aheadSeconds = 0;
  const isBeyond = (seconds: number): boolean => Math.abs(aheadSeconds) > seconds;
  const sentence = (): string => {
    const place = aheadSeconds > 0 ? "ahead of" : "behind";
    const limit = isBeyond(CLOCK_TOLERANCE_SECONDS) ? "more than the" : "and logins are refused beyond the";
    return (
      `the clock of the provider (OIDC_ISSUER) is ${Math.abs(aheadSeconds)} s ${place} ours, ` +
      `${limit} ${CLOCK_TOLERANCE_SECONDS} s that are tolerated. Set both by NTP`
    );
  };
  return {
    observe(issuedAtSeconds) {
      if (typeof issuedAtSeconds === "number" && Number.isFinite(issuedAtSeconds))
        aheadSeconds = Math.round(issuedAtSeconds - nowSeconds());
    },
    fault: () => (isBeyond(CLOCK_TOLERANCE_SECONDS) ? sentence() : undefined),
    alarm: () => (isBeyond(CLOCK_ALARM_SECONDS) ? sentence() : undefined),
  };
}
