// A Redis Cluster under traffic: slots move, a replica takes over by request and by the death of its master; nobody
// is logged out, what was logged out stays so, and everybody goes on without a restart.
import { createRedisNames } from "@cloakroom/gateway/src/store/redis/redis-names.ts";
import { APPLICATION, type Fleet, type Instance } from "../fleet.ts";
import { startClusterRedis, type ClusterRedis } from "@cloakroom/testkit/redis-cluster.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { healed, startTraffic } from "../traffic.ts";
import { anotherSession, expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { rounds: 2, visitors: 10, logouts: 20 },
  short: { rounds: 1, visitors: 6, logouts: 6 },
  tiny: { rounds: 1, visitors: 3, logouts: 3 },
} as const satisfies Record<Size, object>;

export const cluster: Scenario<ClusterRedis> = {
  name: "Redis Cluster",
  startRedis: startClusterRedis,
  env: { REDIS_TIMEOUT_MS: "400" },
  async run(fleet, size): Promise<Outcome> {
    const { rounds, visitors: count, logouts } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    const traffic = startTraffic(visitors, { pauseMs: 10 });
    let moved = 0;
    let refusedWhileMoving = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        const from = fleet.history.operations.length;
        moved += await duringMoves(fleet, visitors, logouts);
        refusedWhileMoving += refusedSince(fleet, from);
        await withLogouts(fleet, visitors, { logouts, change: fleet.redis.handOver, during: "a hand-over" });
        await withLogouts(fleet, visitors, { logouts, change: fleet.redis.kill, during: "the death of a master" });
        await fleet.redis.start();
      }
    } finally {
      await traffic.stop();
    }
    fleet.history.claims.push({
      ...{ invariant: "I5", holds: refusedWhileMoving === 0 },
      claim: `${refusedWhileMoving} requests were answered 503 because slots moved`,
    });
    return {
      unavailable: true,
      seen:
        `${moved} slots with live sessions moved under traffic (${refusedWhileMoving} answers of 503 meanwhile), ${rounds} ` +
        `hand-overs to a replica and ${rounds} dead masters; ${3 * rounds * logouts} logouts before and during them stayed ` +
        "logouts, refreshes happened once, all others went on",
    };
  },
};

function refusedSince({ history }: Fleet, from: number): number {
  return history.operations.slice(from).filter(({ answer }) => answer.kind === "answered" && answer.status === 503)
    .length;
}

/** The slots of living sessions and of ones that end just then move to another master. @returns how many */
async function duringMoves(fleet: Fleet<ClusterRedis>, visitors: readonly Visitor[], logouts: number): Promise<number> {
  const leaving = await sessionsToEnd(fleet, visitors, logouts);
  const spent = spendingFrom(fleet, "moving slots");
  for (const each of visitors) await expireAccessToken(fleet, each);
  const names = [...visitors, ...leaving].map(({ key }) => createRedisNames(APPLICATION).session(key));
  const [moved] = await Promise.all([fleet.redis.moveSlotsOf(names), logOutAll(fleet, leaving)]);
  await healed(fleet, visitors, "slots had moved");
  await lookEverywhere(fleet, leaving);
  spent({ requests: visitors.length });
  return moved;
}

type Change = { logouts: number; change: () => Promise<unknown>; during: string };

async function withLogouts(fleet: Fleet<ClusterRedis>, visitors: readonly Visitor[], change: Change): Promise<void> {
  const leaving = await sessionsToEnd(fleet, visitors, change.logouts);
  const spent = spendingFrom(fleet, change.during);
  for (const each of visitors) await expireAccessToken(fleet, each);
  await Promise.all(visitors.map((each) => each.get("api")));
  await logOutAll(fleet, leaving);
  await change.change();
  await healed(fleet, visitors, change.during);
  await lookEverywhere(fleet, leaving);
  for (const each of visitors) await expireAccessToken(fleet, each);
  await Promise.all(visitors.map((each) => each.get("api")));
  spent({ requests: 2 * visitors.length });
}

function sessionsToEnd(fleet: Fleet, visitors: readonly Visitor[], count: number): Promise<Visitor[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => anotherSession(fleet, visitors[index % visitors.length] as Visitor)),
  );
}

async function logOutAll({ instances }: Fleet, leaving: readonly Visitor[]): Promise<void> {
  await Promise.all(leaving.map((each, index) => each.logout(instances[index % instances.length] as Instance)));
}

async function lookEverywhere({ instances, history }: Fleet, leaving: readonly Visitor[]): Promise<void> {
  // Those whose logout was a 503 may go on.
  const ended = new Set(history.endings.map(({ session }) => session));
  const sure = leaving.filter(({ name }) => ended.has(name));
  await inParallel(sure.length, 10, async (index) => {
    for (const instance of instances) await sure[index]?.get("api", instance);
  });
}
