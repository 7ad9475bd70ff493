// Graceful shutdown during a refresh: the process stores the new token set before it exits.
import { until } from "@cloakroom/testkit/until.ts";
import { gate, inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { expireAccessToken, logInNewUser } from "../browser.ts";

const ROUNDS = { full: 10, short: 2, tiny: 1 } as const satisfies Record<Size, number>;

export const drainMidRefresh: Scenario = {
  name: "SIGTERM during a refresh",
  // Zero, so that only the pending refresh can delay the exit.
  env: { DRAIN_SECONDS: "0" },
  async run(fleet, size): Promise<Outcome> {
    await inParallel(ROUNDS[size], 1, (round) => drainOne(fleet, round));
    return {
      connectionErrors: true,
      details: `${ROUNDS[size]} times: the waiting request is aborted, the next instance needs no refresh`,
    };
  },
};

async function drainOne(fleet: Fleet, round: number): Promise<void> {
  const { provider, history, instances } = fleet;
  const [draining, other] = [instances[round % 3], instances[(round + 1) % 3]] as [Instance, Instance];
  const browser = await logInNewUser(fleet);
  await expireAccessToken(fleet, browser);
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  const responding = gate();
  provider.faults.set({ endpoint: "token", times: 1, respondAfter: responding.opened });
  const waiting = browser.get("api", draining);
  await until("the provider has the refresh", () => provider.count("token") > before.tokenRequests);
  const ended = draining.process.stop();
  // The request is aborted before the provider responds: no request waits for the refresh.
  await waiting;
  responding.open();
  await ended;
  const next = await browser.get("api", other);
  history.assertions.push({
    ...{ invariant: "I4", text: `round ${round + 1}: the token set of the drained instance is stored` },
    holds: next.kind === "response" && next.status === 200,
  });
  history.tokenRequestCounts.push({
    during: `round ${round + 1}`,
    tokenRequests: provider.count("token") - before.tokenRequests,
    expectedRequests: 1,
    reuses: provider.count("refresh-token-reuse") - before.reuses,
    expectedReuses: 0,
  });
  await draining.process.restart();
}
