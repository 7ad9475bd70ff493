// Counts the token requests that the provider receives during one step of a scenario.
import type { Fleet } from "./fleet.ts";

type Expected = { requests: number; reuses?: number };

/**
 * Starts counting.
 * @returns a function that adds the counts and the expected numbers to the history
 */
export function countTokenRequests({ provider, history }: Fleet, during: string): (expected: Expected) => void {
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  return ({ requests, reuses = 0 }) =>
    void history.tokenRequestCounts.push({
      during,
      tokenRequests: provider.count("token") - before.tokenRequests,
      expectedRequests: requests,
      reuses: provider.count("refresh-token-reuse") - before.reuses,
      expectedReuses: reuses,
    });
}
