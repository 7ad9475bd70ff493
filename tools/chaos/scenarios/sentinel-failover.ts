// The master dies under traffic and a Sentinel chooses another: what was acknowledged before is true afterwards (a
// logout above all), and everybody goes on without a restart.
import type { Fleet, Instance } from "../fleet.ts";
import { startSentinelRedis, type SentinelRedis } from "@cloakroom/testkit/redis-sentinel.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { healed, percentile, startTraffic } from "../traffic.ts";
import { anotherSession, expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { failovers: 5, visitors: 10, logouts: 30 },
  short: { failovers: 2, visitors: 5, logouts: 10 },
  tiny: { failovers: 1, visitors: 3, logouts: 4 },
} as const satisfies Record<Size, object>;

export const sentinelFailover: Scenario<SentinelRedis> = {
  name: "Sentinel failover",
  startRedis: startSentinelRedis,
  env: { REDIS_TIMEOUT_MS: "400" },
  async run(fleet, size): Promise<Outcome> {
    const { failovers, visitors: count, logouts } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    const traffic = startTraffic(visitors, { pauseMs: 20 });
    const outagesMs: number[] = [];
    const refused: number[] = [];
    try {
      for (let failover = 0; failover < failovers; failover++) {
        outagesMs.push(await justBefore(fleet, visitors, logouts));
        await fleet.redis.start();
        refused.push(await unconfirmed(fleet, visitors[0] as Visitor, logouts));
        await fleet.redis.start();
      }
    } finally {
      await traffic.stop();
    }
    const sum = refused.reduce((total, each) => total + each, 0);
    return {
      unavailable: true,
      seen:
        `${2 * failovers} masters killed, another one after ${(percentile(outagesMs, 0.5) / 1000).toFixed(1)} s (median): ` +
        `${failovers * logouts} logouts, logins and refreshes acknowledged just before are true afterwards; of ` +
        `${failovers * logouts} logouts while the replicas stood still ${sum} were answered 503, and no acknowledged one came undone`,
    };
  },
};

/** @returns how long there was no master, in milliseconds */
async function justBefore(fleet: Fleet<SentinelRedis>, visitors: readonly Visitor[], logouts: number): Promise<number> {
  const [first] = visitors as readonly [Visitor, ...Visitor[]];
  const leaving = await Promise.all(Array.from({ length: logouts }, () => anotherSession(fleet, first)));
  const spent = spendingFrom(fleet, "the failover");
  for (const each of visitors) await expireAccessToken(fleet, each);
  const newcomer = await newVisitor(fleet);
  await Promise.all(visitors.map((each) => each.get("api")));
  await logOutAll(fleet, leaving);
  const outageMs = await fleet.redis.failOver();
  const all = [...visitors, newcomer];
  await healed(fleet, all, "the failover");
  await lookEverywhere(fleet, leaving);
  // One login, and each refresh once: a refreshed token set that was lost would be spent again.
  for (const each of all) await expireAccessToken(fleet, each);
  await Promise.all(all.map((each) => each.get("api")));
  spent({ requests: 1 + visitors.length + all.length });
  return outageMs;
}

/**
 * The replicas stand still, so that nothing reaches them any more, and then one of them becomes the master.
 * @returns how many logouts were not acknowledged
 */
async function unconfirmed(fleet: Fleet<SentinelRedis>, user: Visitor, logouts: number): Promise<number> {
  const leaving = await Promise.all(Array.from({ length: logouts }, () => anotherSession(fleet, user)));
  await fleet.redis.pauseReplicas();
  const answers = await logOutAll(fleet, leaving);
  await fleet.redis.kill();
  fleet.redis.resumeReplicas();
  await healed(fleet, [user], "a failover to a replica that had stood still");
  const acknowledged = leaving.filter((_, index) => answers[index]);
  await lookEverywhere(fleet, acknowledged);
  return leaving.length - acknowledged.length;
}

/** @returns of each whether it was acknowledged */
async function logOutAll({ instances }: Fleet, leaving: readonly Visitor[]): Promise<boolean[]> {
  return Promise.all(
    leaving.map(async (each, index) => {
      const answer = await each.logout(instances[index % instances.length] as Instance);
      return answer.kind === "answered" && answer.status === 200;
    }),
  );
}

async function lookEverywhere({ instances }: Fleet, ended: readonly Visitor[]): Promise<void> {
  await inParallel(ended.length, 10, async (index) => {
    for (const instance of instances) await ended[index]?.get("api", instance);
  });
}
