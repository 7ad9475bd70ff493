// Whether the provider's clock and ours agree. An ID token says when it was issued, and that was a moment ago.

export const CLOCK_TOLERANCE_SECONDS = 30;

export type ClockDifference = {
  /** Told `iat` of every ID token that has just been issued to us. */
  observe(issuedAtSeconds: unknown): void;
  /** @returns one sentence with the cure while the clocks differ by more than is tolerated. */
  fault(): string | undefined;
};

export function createClockDifference(nowSeconds: () => number = () => Date.now() / 1000): ClockDifference {
  let aheadSeconds = 0;
  return {
    observe(issuedAtSeconds) {
      if (typeof issuedAtSeconds === "number" && Number.isFinite(issuedAtSeconds))
        aheadSeconds = Math.round(issuedAtSeconds - nowSeconds());
    },
    fault() {
      if (Math.abs(aheadSeconds) <= CLOCK_TOLERANCE_SECONDS) return undefined;
      const place = aheadSeconds > 0 ? "ahead of" : "behind";
      return (
        `the clock of the provider (OIDC_ISSUER) is ${Math.abs(aheadSeconds)} s ${place} ours, ` +
        `more than the ${CLOCK_TOLERANCE_SECONDS} s that are tolerated. Set both by NTP`
      );
    },
  };
}
