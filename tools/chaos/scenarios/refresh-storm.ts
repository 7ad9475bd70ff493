// Refresh storm: many parallel requests with an expired access token on all instances cause one refresh and no failure, with
// a fast and a slow provider, and also when the browser disconnects.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { gate, inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { countTokenRequests } from "../token-requests.ts";
import { percentile } from "../traffic.ts";
import { expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { rounds: 100, requests: 500, slowProviderMs: [3_000, 8_000], waiters: 30 },
  short: { rounds: 5, requests: 60, slowProviderMs: [3_000], waiters: 12 },
  tiny: { rounds: 2, requests: 20, slowProviderMs: [1_000], waiters: 6 },
} as const satisfies Record<Size, object>;

/** Limit for the time that waiting adds to the provider's response time. */
const MAX_EXTRA_MS = 100;

export const refreshStorm: Scenario = {
  name: "refresh storm",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, requests, slowProviderMs, waiters } = COUNTS[size];
    const browser = await logInNewUser(fleet);
    // A second user, so that a response for the wrong user is detected.
    const bystander = await logInNewUser(fleet);
    const load = { browser, bystander, requests };
    for (let round = 1; round <= rounds; round++) await storm(fleet, load, `round ${round}`);
    for (const delayMs of slowProviderMs) {
      fleet.provider.faults.set({ endpoint: "token", delayMs, times: 2 });
      await storm(fleet, load, `the round with a provider that takes ${delayMs} ms`);
    }
    const extraMs = await measureWaiting(fleet, { browser, requests: waiters, delayMs: 1_000 }, size);
    await abortRequest(fleet, browser);
    return {
      details:
        `${rounds} rounds of ${requests} parallel requests of one session and a few of another, one token request each; ` +
        `the same with a provider that takes ${slowProviderMs.join(" and ")} ms; for ${waiters} concurrent requests ` +
        `waiting added ${extraMs.toFixed(0)} ms to the provider's time (p99); one refresh for a browser that disconnected`,
    };
  },
};

type StormLoad = { browser: ChaosBrowser; bystander: ChaosBrowser; requests: number };

async function storm(fleet: Fleet, { browser, bystander, requests }: StormLoad, during: string): Promise<void> {
  for (const each of [browser, bystander]) await expireAccessToken(fleet, each);
  const expectTokenRequests = countTokenRequests(fleet, during);
  await Promise.all(
    Array.from({ length: requests }, (_, n) => [
      browser.get("api"),
      ...(n % 10 === 0 ? [bystander.get("api")] : []),
    ]).flat(),
  );
  expectTokenRequests({ requests: 2 });
}

type Waiting = { browser: ChaosBrowser; requests: number; delayMs: number };

/**
 * Time from the provider's response to the gateway's responses, less the time that the same burst takes with a live token.
 * @returns the difference of the p99 values, in milliseconds
 */
async function measureWaiting(fleet: Fleet, { browser, requests, delayMs }: Waiting, size: Size): Promise<number> {
  const burst = () => Array.from({ length: requests }, () => browser.get("api").then(() => performance.now()));
  const [waitedMs, liveMs]: [number[], number[]] = [[], []];
  await inParallel(size === "tiny" ? 1 : 5, 1, async (round) => {
    const startedMs = performance.now();
    for (const endedMs of await Promise.all(burst())) liveMs.push(endedMs - startedMs);
    await expireAccessToken(fleet, browser);
    const expectTokenRequests = countTokenRequests(fleet, `the waiters, round ${round + 1}`);
    let respondedAtMs = 0;
    const responding = sleep(delayMs).then(() => (respondedAtMs = performance.now()));
    fleet.provider.faults.set({ endpoint: "token", respondAfter: responding, times: 1 });
    for (const endedMs of await Promise.all(burst())) waitedMs.push(endedMs - respondedAtMs);
    expectTokenRequests({ requests: 1 });
  });
  const extraMs = Math.max(0, percentile(waitedMs, 0.99) - percentile(liveMs, 0.99));
  // Short runs share the machine with other tests: a strict limit would measure their load.
  const limitMs = size === "full" ? MAX_EXTRA_MS : 20 * MAX_EXTRA_MS;
  fleet.history.assertions.push({
    invariant: "I4",
    text: `waiting adds ${extraMs.toFixed(0)} ms to the provider's time, at most ${limitMs} ms (p99)`,
    holds: extraMs <= limitMs,
  });
  return extraMs;
}

/** The request that started the refresh is aborted; the new token set is stored nevertheless. */
async function abortRequest(fleet: Fleet, browser: ChaosBrowser): Promise<void> {
  const { provider } = fleet;
  await expireAccessToken(fleet, browser);
  const expectTokenRequests = countTokenRequests(fleet, "a browser that disconnected");
  const before = provider.count("token");
  const controller = new AbortController();
  const responding = gate();
  provider.faults.set({ endpoint: "token", times: 1, respondAfter: responding.opened });
  const aborted = browser.getUntilAborted("api", controller.signal);
  await until("the provider has the refresh", () => provider.count("token") > before);
  controller.abort();
  await aborted;
  responding.open();
  for (const instance of fleet.instances) await browser.get("api", instance);
  expectTokenRequests({ requests: 1 });
}
