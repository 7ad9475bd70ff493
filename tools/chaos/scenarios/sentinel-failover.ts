// Sentinel failover under traffic: the master is killed and a replica is promoted. Acknowledged writes survive, above all
// logouts, and every instance recovers without a restart.
import type { Fleet, Instance } from "../fleet.ts";
import { startSentinelRedis, type SentinelRedis } from "@cloakroom/testkit/redis-sentinel.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { countTokenRequests } from "../token-requests.ts";
import { waitForRecovery, percentile, startTraffic } from "../traffic.ts";
import { addSessionOf, expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { failovers: 5, browsers: 10, logouts: 30 },
  short: { failovers: 2, browsers: 5, logouts: 10 },
  tiny: { failovers: 1, browsers: 3, logouts: 4 },
} as const satisfies Record<Size, object>;

export const sentinelFailover: Scenario<SentinelRedis> = {
  name: "Sentinel failover",
  startRedis: startSentinelRedis,
  env: { REDIS_TIMEOUT_MS: "400" },
  async run(fleet, size): Promise<Outcome> {
    const { failovers, browsers: count, logouts } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    const traffic = startTraffic(browsers, { pauseMs: 20 });
    const outagesMs: number[] = [];
    const unacknowledged: number[] = [];
    try {
      for (let failover = 0; failover < failovers; failover++) {
        outagesMs.push(await failOverAfterWrites(fleet, browsers, logouts));
        await fleet.redis.start();
        unacknowledged.push(await failOverWithoutReplicas(fleet, browsers[0] as ChaosBrowser, logouts));
        await fleet.redis.start();
      }
    } finally {
      await traffic.stop();
    }
    const sum = unacknowledged.reduce((total, each) => total + each, 0);
    return {
      unavailable: true,
      details:
        `${2 * failovers} masters killed, failover after ${(percentile(outagesMs, 0.5) / 1000).toFixed(1)} s (median): ` +
        `${failovers * logouts} logouts, logins and refreshes acknowledged just before are valid afterwards; of ` +
        `${failovers * logouts} logouts while the replicas were frozen ${sum} responded 503, and no acknowledged one was undone`,
    };
  },
};

/** @returns the time without a master, in milliseconds */
async function failOverAfterWrites(
  fleet: Fleet<SentinelRedis>,
  browsers: readonly ChaosBrowser[],
  logouts: number,
): Promise<number> {
  const [first] = browsers as readonly [ChaosBrowser, ...ChaosBrowser[]];
  const ending = await Promise.all(Array.from({ length: logouts }, () => addSessionOf(fleet, first)));
  const expectTokenRequests = countTokenRequests(fleet, "the failover");
  for (const each of browsers) await expireAccessToken(fleet, each);
  const newUser = await logInNewUser(fleet);
  await Promise.all(browsers.map((each) => each.get("api")));
  await logOut(fleet, ending);
  const outageMs = await fleet.redis.failOver();
  const all = [...browsers, newUser];
  await waitForRecovery(fleet, all, "the failover");
  await requestEverywhere(fleet, ending);
  // One login and one refresh per session: a lost token set would be refreshed again.
  for (const each of all) await expireAccessToken(fleet, each);
  await Promise.all(all.map((each) => each.get("api")));
  expectTokenRequests({ requests: 1 + browsers.length + all.length });
  return outageMs;
}

/**
 * Freezes the replicas, so that they receive no further writes, and then promotes one of them.
 * @returns the number of logouts that were not acknowledged
 */
async function failOverWithoutReplicas(
  fleet: Fleet<SentinelRedis>,
  user: ChaosBrowser,
  logouts: number,
): Promise<number> {
  const ending = await Promise.all(Array.from({ length: logouts }, () => addSessionOf(fleet, user)));
  await fleet.redis.pauseReplicas();
  const results = await logOut(fleet, ending);
  await fleet.redis.kill();
  fleet.redis.resumeReplicas();
  await waitForRecovery(fleet, [user], "a failover to a replica that was frozen");
  const acknowledged = ending.filter((_, index) => results[index]);
  await requestEverywhere(fleet, acknowledged);
  return ending.length - acknowledged.length;
}

/** @returns for each session whether its logout was acknowledged */
async function logOut({ instances }: Fleet, ending: readonly ChaosBrowser[]): Promise<boolean[]> {
  return Promise.all(
    ending.map(async (each, index) => {
      const result = await each.logout(instances[index % instances.length] as Instance);
      return result.kind === "response" && result.status === 200;
    }),
  );
}

async function requestEverywhere({ instances }: Fleet, ended: readonly ChaosBrowser[]): Promise<void> {
  await inParallel(ended.length, 10, async (index) => {
    for (const instance of instances) await ended[index]?.get("api", instance);
  });
}
