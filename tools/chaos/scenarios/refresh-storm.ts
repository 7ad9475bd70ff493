// Everybody asks at once with an expired access token, over all instances: one refresh, and nobody fails; whether the
// provider is quick or takes eight seconds, and whether the browser stays or leaves.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { percentile } from "../traffic.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { rounds: 100, requests: 500, slowProviderMs: [3_000, 8_000], waiters: 30 },
  short: { rounds: 5, requests: 60, slowProviderMs: [3_000], waiters: 12 },
  tiny: { rounds: 2, requests: 20, slowProviderMs: [1_000], waiters: 6 },
} as const satisfies Record<Size, object>;

/** What a wait may cost beside the provider's own time. */
const LONGEST_EXTRA_MS = 100;

export const refreshStorm: Scenario = {
  name: "refresh storm",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, requests, slowProviderMs, waiters } = COUNTS[size];
    const visitor = await newVisitor(fleet);
    // A second user among them, so that an answer meant for the other would be seen.
    const bystander = await newVisitor(fleet);
    const crowd = { visitor, bystander, requests };
    for (let round = 1; round <= rounds; round++) await storm(fleet, crowd, `round ${round}`);
    for (const delayMs of slowProviderMs) {
      fleet.provider.faults.set({ endpoint: "token", delayMs, times: 2 });
      await storm(fleet, crowd, `the round with a provider that takes ${delayMs} ms`);
    }
    const extraMs = await waitingCosts(fleet, { visitor, requests: waiters, delayMs: 1_000 }, size);
    await browserGone(fleet, visitor);
    return {
      seen:
        `${rounds} rounds of ${requests} parallel requests of one session and a few of another, one token request each; ` +
        `the same with a provider that takes ${slowProviderMs.join(" and ")} ms; for ${waiters} at once ` +
        `waiting added ${extraMs.toFixed(0)} ms to the provider's time (p99); one refresh for a browser that left`,
    };
  },
};

type Crowd = { visitor: Visitor; bystander: Visitor; requests: number };

async function storm(fleet: Fleet, { visitor, bystander, requests }: Crowd, during: string): Promise<void> {
  for (const each of [visitor, bystander]) await expireAccessToken(fleet, each);
  const spent = spendingFrom(fleet, during);
  await Promise.all(
    Array.from({ length: requests }, (_, n) => [
      visitor.get("api"),
      ...(n % 10 === 0 ? [bystander.get("api")] : []),
    ]).flat(),
  );
  spent({ requests: 2 });
}

type Waiting = { visitor: Visitor; requests: number; delayMs: number };

/**
 * What waiting adds: from the provider's answer to the last waiter's, less what the same burst takes with a live token,
 * which is this machine's time for forwarding and no wait.
 */
async function waitingCosts(fleet: Fleet, { visitor, requests, delayMs }: Waiting, size: Size): Promise<number> {
  const burst = () => Array.from({ length: requests }, () => visitor.get("api").then(() => performance.now()));
  const [waitedMs, liveMs]: [number[], number[]] = [[], []];
  await inParallel(size === "tiny" ? 1 : 5, 1, async (round) => {
    const startedMs = performance.now();
    for (const endedMs of await Promise.all(burst())) liveMs.push(endedMs - startedMs);
    await expireAccessToken(fleet, visitor);
    const spent = spendingFrom(fleet, `the waiters, round ${round + 1}`);
    let answeredAtMs = 0;
    const answered = sleep(delayMs).then(() => (answeredAtMs = performance.now()));
    fleet.provider.faults.set({ endpoint: "token", answerWhen: answered, times: 1 });
    for (const endedMs of await Promise.all(burst())) waitedMs.push(endedMs - answeredAtMs);
    spent({ requests: 1 });
  });
  const extraMs = Math.max(0, percentile(waitedMs, 0.99) - percentile(liveMs, 0.99));
  // In a test among others on a busy machine the number would say something about the others.
  const limitMs = size === "full" ? LONGEST_EXTRA_MS : 20 * LONGEST_EXTRA_MS;
  fleet.history.claims.push({
    invariant: "I4",
    claim: `waiting adds ${extraMs.toFixed(0)} ms to the provider's time, at most ${limitMs} ms (p99)`,
    holds: extraMs <= limitMs,
  });
  return extraMs;
}

/** The refresh belongs to the session: the one who asked first may leave, what was got is kept. */
async function browserGone(fleet: Fleet, visitor: Visitor): Promise<void> {
  const { provider } = fleet;
  await expireAccessToken(fleet, visitor);
  const spent = spendingFrom(fleet, "a browser that left");
  const before = provider.count("token");
  const gone = new AbortController();
  let answer = (): void => undefined;
  const answerWhen = new Promise<void>((resolve) => (answer = resolve));
  provider.faults.set({ endpoint: "token", times: 1, answerWhen });
  const leaving = visitor.leave("api", gone.signal);
  await until("the provider has the refresh", () => provider.count("token") > before);
  gone.abort();
  await leaving;
  answer();
  for (const instance of fleet.instances) await visitor.get("api", instance);
  spent({ requests: 1 });
}
