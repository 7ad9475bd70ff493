// Whoever holds the refresh lease is killed, frozen, or cut off from Redis in mid-refresh; each has a defined outcome
// (docs/decisions/0004): exactly one further attempt, and what the lost holder writes late is fenced off.
import { until } from "@cloakroom/testkit/until.ts";
import { gate, type Outcome, type Scenario } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const TIMEOUT_SECONDS = 4;

/** What a provider that knows no rotation would answer; ours never issued it. */
const LATE_ANSWER = {
  contentType: "application/json",
  body: JSON.stringify({ access_token: "late", refresh_token: "late", token_type: "Bearer", expires_in: 3_600 }),
};

export const lostHolder: Scenario = {
  name: "lease holder killed, frozen, cut off",
  // A lease of four seconds and two, so that its end is soon; see refreshTiming. The log tells of late writes.
  env: { OIDC_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS), LOG_LEVEL: "info", REDIS_TIMEOUT_MS: "1000" },
  async run(fleet): Promise<Outcome> {
    const { provider, history } = fleet;
    const [killed, frozen, other] = fleet.instances as readonly [Instance, Instance, Instance];
    const [unspent, spent, paused, late] = [
      await newVisitor(fleet),
      await newVisitor(fleet),
      await newVisitor(fleet),
      await newVisitor(fleet),
    ] as const;
    const all = [unspent, spent, paused, late];
    for (const visitor of all) await expireAccessToken(fleet, visitor);
    const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
    const never = gate();

    // The provider has not looked at the token yet when its spender dies.
    provider.faults.set({ endpoint: "token", times: 1, processWhen: never.opened });
    await holding(fleet, unspent, killed);
    // The provider has taken the token and its answer is on the way.
    provider.faults.set({ endpoint: "token", times: 1, answerWhen: never.opened });
    await holding(fleet, spent, killed);
    await killed.process.kill("SIGKILL");

    // Standing still while the provider has not looked at the token.
    provider.faults.set({ endpoint: "token", times: 1, processWhen: never.opened });
    await holding(fleet, paused, frozen);
    // The result is on its way to Redis, and stays there until others have refreshed.
    const answered = gate();
    provider.faults.set({ endpoint: "token", times: 1, status: 200, ...LATE_ANSWER, processWhen: answered.opened });
    const waiting = await holding(fleet, late, frozen);
    frozen.link.hold();
    answered.open();
    await waiting.answer;
    await frozen.process.kill("SIGSTOP");

    for (const visitor of all) await untilDecided(visitor, other);
    await frozen.process.kill("SIGCONT");
    frozen.link.clear();
    await until("the late write has reached Redis", () =>
      /token set was (stored late|not needed)/.test(frozen.process.output()),
    );
    history.spendings.push({
      during: "four lost holders",
      tokenRequests: provider.count("token") - before.tokenRequests,
      expectedRequests: 2 * all.length,
      reuses: provider.count("refresh-token-reuse") - before.reuses,
      // The one whose answer died with its spender: the further attempt is the defined one.
      expectedReuses: 1,
    });
    await killed.process.restart();
    await everywhereOneMoreRefresh(fleet, [unspent, paused, late]);
    return {
      ...{ unavailable: true, broken: true, ended: new Map([[spent.name, "session_expired"]]) },
      seen:
        "token not looked at: kept; token spent, answer lost: one further attempt, refused, session ended with its " +
        "reason; frozen and resumed: kept; late write: refused",
    };
  },
};

/** Sends the request that makes this instance the holder, and waits until the provider has it. */
async function holding({ provider }: Fleet, visitor: Visitor, at: Instance) {
  const before = provider.count("token");
  const answer = visitor.get("api", at);
  await until("the provider has the refresh", () => provider.count("token") > before);
  return { answer };
}

/** The next instance takes over once the lease is over; until then it answers 503. */
async function untilDecided(visitor: Visitor, at: Instance): Promise<void> {
  await until(`${visitor.name} gets an answer`, async () => {
    const answer = await visitor.get("api", at);
    return answer.kind === "answered" && answer.status !== 503;
  });
}

/** What was kept is good for the next refresh too: nothing stale was written over it. */
async function everywhereOneMoreRefresh(fleet: Fleet, visitors: readonly Visitor[]): Promise<void> {
  const { provider, history, instances } = fleet;
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  for (const visitor of visitors) {
    await expireAccessToken(fleet, visitor);
    await Promise.all(instances.map((instance) => visitor.get("api", instance)));
  }
  history.spendings.push({
    during: "the refresh after that",
    tokenRequests: provider.count("token") - before.tokenRequests,
    expectedRequests: visitors.length,
    reuses: provider.count("refresh-token-reuse") - before.reuses,
    expectedReuses: 0,
  });
  for (const visitor of visitors) {
    const answers = await Promise.all(instances.map((instance) => visitor.get("api", instance)));
    const areGood = answers.every((answer) => answer.kind === "answered" && answer.status === 200);
    history.claims.push({ invariant: "I4", claim: `${visitor.name} goes on after a lost holder`, holds: areGood });
  }
}
