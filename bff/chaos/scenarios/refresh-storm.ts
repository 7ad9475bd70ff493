// 1. Everybody asks at once with an expired access token, over all instances: one refresh, and nobody fails.
import type { Fleet } from "../fleet.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { rounds: 100, requests: 500, slowProviderMs: 3_000 },
  short: { rounds: 5, requests: 60, slowProviderMs: 3_000 },
  tiny: { rounds: 2, requests: 20, slowProviderMs: 1_000 },
} as const satisfies Record<Size, object>;

export const refreshStorm: Scenario = {
  name: "refresh storm",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, requests, slowProviderMs } = COUNTS[size];
    const visitor = await newVisitor(fleet);
    // A second user among them, so that an answer meant for the other would be seen.
    const bystander = await newVisitor(fleet);
    const crowd = { visitor, bystander, requests };
    for (let round = 1; round <= rounds; round++) await storm(fleet, crowd, `round ${round}`);
    fleet.provider.faults.set({ endpoint: "token", delayMs: slowProviderMs, times: 2 });
    const slowestMs = await storm(fleet, crowd, "the round with a slow provider");
    return {
      seen:
        `${rounds} rounds of ${requests} parallel requests of one session and a few of another, one token request each; ` +
        `with a provider that takes ${slowProviderMs} ms the last waiter was answered after ${slowestMs.toFixed(0)} ms`,
    };
  },
};

type Crowd = { visitor: Visitor; bystander: Visitor; requests: number };

/** @returns how long the slowest request took, in milliseconds */
async function storm(fleet: Fleet, { visitor, bystander, requests }: Crowd, during: string): Promise<number> {
  const { provider, history } = fleet;
  for (const each of [visitor, bystander]) await expireAccessToken(fleet, each);
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: requests }, (_, n) => [
      visitor.get("api"),
      ...(n % 10 === 0 ? [bystander.get("api")] : []),
    ]).flat(),
  );
  history.spendings.push({
    during,
    tokenRequests: provider.count("token") - before.tokenRequests,
    expectedRequests: 2,
    reuses: provider.count("refresh-token-reuse") - before.reuses,
    expectedReuses: 0,
  });
  return performance.now() - startedMs;
}
