// Clock skew between provider and gateway, measured by `iat` of ID tokens that were issued a moment ago.

export const CLOCK_TOLERANCE_SECONDS = 30;
/** Reported in /readyz before logins fail. Synchronized clocks differ by less than a second. */
const CLOCK_ALARM_SECONDS = 10;

export type ClockSkew = {
  /** @param issuedAtSeconds `iat` of an ID token that was just issued */
  observe(issuedAtSeconds: unknown): void;
  /** @returns one sentence with the cure while the skew is above the tolerance and logins fail */
  error(): string | undefined;
  /** @returns the same sentence from a smaller skew on, while logins still work */
  alarm(): string | undefined;
};

export function createClockSkew(nowSeconds: () => number = () => Date.now() / 1000): ClockSkew {
  let aheadSeconds = 0;
  const isAbove = (seconds: number): boolean => Math.abs(aheadSeconds) > seconds;
  const sentence = (): string => {
    const direction = aheadSeconds > 0 ? "ahead of" : "behind";
    const limit = isAbove(CLOCK_TOLERANCE_SECONDS) ? "more than the" : "and logins are rejected beyond the";
    return (
      `the clock of the provider (OIDC_ISSUER) is ${Math.abs(aheadSeconds)} s ${direction} ours, ` +
      `${limit} ${CLOCK_TOLERANCE_SECONDS} s that are tolerated. Set both by NTP`
    );
  };
  return {
    observe(issuedAtSeconds) {
      if (typeof issuedAtSeconds === "number" && Number.isFinite(issuedAtSeconds))
        aheadSeconds = Math.round(issuedAtSeconds - nowSeconds());
    },
    error: () => (isAbove(CLOCK_TOLERANCE_SECONDS) ? sentence() : undefined),
    alarm: () => (isAbove(CLOCK_ALARM_SECONDS) ? sentence() : undefined),
  };
}
