// What the provider sees of refresh tokens during one stretch of a scenario.
import type { Fleet } from "./fleet.ts";

type Expected = { requests: number; reuses?: number };

/** Counts from now on; the returned function writes down what came, beside what should have come. */
export function spendingFrom({ provider, history }: Fleet, during: string): (expected: Expected) => void {
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  return ({ requests, reuses = 0 }) =>
    void history.spendings.push({
      during,
      tokenRequests: provider.count("token") - before.tokenRequests,
      expectedRequests: requests,
      reuses: provider.count("refresh-token-reuse") - before.reuses,
      expectedReuses: reuses,
    });
}
