// SIGTERM while the provider has the refresh token: the process stores what it gets before it ends.
import { until } from "@cloakroom/testkit/until.ts";
import { gate, inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { expireAccessToken, newVisitor } from "../visitor.ts";

const ROUNDS = { full: 10, short: 2, tiny: 1 } as const satisfies Record<Size, number>;

export const drainMidRefresh: Scenario = {
  name: "SIGTERM in mid-refresh",
  // No patience with requests, so that only the refresh itself can hold the process back.
  env: { DRAIN_SECONDS: "0" },
  async run(fleet, size): Promise<Outcome> {
    await inParallel(ROUNDS[size], 1, (round) => drainOne(fleet, round));
    return {
      broken: true,
      seen: `${ROUNDS[size]} times: the waiting request breaks, the next instance needs no refresh`,
    };
  },
};

async function drainOne(fleet: Fleet, round: number): Promise<void> {
  const { provider, history, instances } = fleet;
  const [draining, other] = [instances[round % 3], instances[(round + 1) % 3]] as [Instance, Instance];
  const visitor = await newVisitor(fleet);
  await expireAccessToken(fleet, visitor);
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  const answered = gate();
  provider.faults.set({ endpoint: "token", times: 1, answerWhen: answered.opened });
  const waiting = visitor.get("api", draining);
  await until("the provider has the refresh", () => provider.count("token") > before.tokenRequests);
  const ended = draining.process.stop();
  // Its browser is gone before the provider answers: nobody waits for the refresh any more.
  await waiting;
  answered.open();
  await ended;
  const next = await visitor.get("api", other);
  history.claims.push({
    ...{ invariant: "I4", claim: `round ${round + 1}: the token set that a drained instance got is there` },
    holds: next.kind === "answered" && next.status === 200,
  });
  history.spendings.push({
    during: `round ${round + 1}`,
    tokenRequests: provider.count("token") - before.tokenRequests,
    expectedRequests: 1,
    reuses: provider.count("refresh-token-reuse") - before.reuses,
    expectedReuses: 0,
  });
  await draining.process.restart();
}
