// Refreshes whose response is lost or cannot be stored (docs/decisions/0004): the provider receives exactly the defined
// number of attempts, and a session ends only where the refresh token was used.
import type { Fault } from "@cloakroom/testing/provider/faults.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { gate, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { countTokenRequests } from "../token-requests.ts";
import { expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const REPEATS = { full: 4, short: 2, tiny: 1 } as const satisfies Record<Size, number>;
const TIMEOUT_SECONDS = 2;

type Case = {
  name: string;
  fault: Omit<Fault, "endpoint" | "times">;
  /** Whether the provider used the token, so that the further attempt is rejected. */
  isUsed: boolean;
};

const CASES: readonly Case[] = [
  { name: "reset before the provider used the token", fault: { resetBeforeProcessing: true }, isUsed: false },
  { name: "500", fault: { status: 500 }, isUsed: false },
  { name: "HTML", fault: { status: 200, contentType: "text/html", body: "<h1>Wait</h1>" }, isUsed: false },
  { name: "429", fault: { status: 429 }, isUsed: false },
  { name: "no response in time", fault: { delayMs: TIMEOUT_SECONDS * 1_000 + 500 }, isUsed: false },
  { name: "reset after the provider used the token", fault: { resetAfterProcessing: true }, isUsed: true },
];

export const refreshOutcomes: Scenario = {
  name: "refresh without a response",
  env: { OIDC_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS), REDIS_TIMEOUT_MS: "400" },
  async run(fleet, size): Promise<Outcome> {
    const ended = new Map<string, string>();
    for (let repeat = 0; repeat < REPEATS[size]; repeat++) {
      for (const each of CASES) {
        const browser = await logInNewUser(fleet);
        if (each.isUsed) ended.set(browser.name, "session_expired");
        await refreshWithoutResponse(fleet, browser, each);
      }
      await refreshWithoutStore(fleet);
    }
    return {
      ...{ unavailable: true, ended },
      details:
        `${REPEATS[size]} times each: ${CASES.map(({ name }) => name).join(", ")}: 503, then one further attempt, which ` +
        "ends the session only in the last case; a renewed token set that Redis cannot store is kept and stored later",
    };
  },
};

async function refreshWithoutResponse(
  fleet: Fleet,
  browser: ChaosBrowser,
  { name, fault, isUsed }: Case,
): Promise<void> {
  const { provider, instances } = fleet;
  await expireAccessToken(fleet, browser);
  const expectTokenRequests = countTokenRequests(fleet, name);
  provider.faults.set({ endpoint: "token", times: 1, ...fault });
  await Promise.all(instances.map((instance) => browser.get("api", instance)));
  await until(`${browser.name} receives a response after "${name}"`, async () => {
    const result = await browser.get("api");
    return result.kind === "response" && result.status !== 503;
  });
  await Promise.all(instances.map((instance) => browser.get("api", instance)));
  expectTokenRequests({ requests: 2, reuses: isUsed ? 1 : 0 });
}

/** Redis is down when the provider's token response arrives. */
async function refreshWithoutStore(fleet: Fleet): Promise<void> {
  const { provider, redis, instances } = fleet;
  const [first] = instances as readonly [Instance, ...Instance[]];
  const browser = await logInNewUser(fleet);
  await expireAccessToken(fleet, browser);
  // The circuit breaker of this instance may be open for a second after the previous faults.
  await until("the circuit to the provider is closed", async () => {
    const result = await browser.get("api", first);
    return result.kind === "response" && result.status === 200;
  });
  await expireAccessToken(fleet, browser);
  const expectTokenRequests = countTokenRequests(fleet, "a token set that could not be stored");
  const before = provider.count("token");
  const responding = gate();
  provider.faults.set({ endpoint: "token", times: 1, respondAfter: responding.opened });
  const waiting = browser.get("api", first);
  await until("the provider has the refresh", () => provider.count("token") > before);
  await redis.kill();
  responding.open();
  await waiting;
  await redis.start();
  await until(`${browser.name} is served after the outage of Redis`, async () => {
    const result = await browser.get("api");
    return result.kind === "response" && result.status !== 503;
  });
  for (const instance of instances) await browser.get("api", instance);
  expectTokenRequests({ requests: 1 });
}
