// Redis Cluster under traffic: slots move, a replica takes over by manual failover and after its master is killed. No
// session ends, logouts stay final, and every instance recovers without a restart.
import { createRedisNames } from "@cloakroom/gateway/src/store/redis/redis-names.ts";
import { APPLICATION, type Fleet, type Instance } from "../fleet.ts";
import { startClusterRedis, type ClusterRedis } from "@cloakroom/testkit/redis-cluster.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { countTokenRequests } from "../token-requests.ts";
import { waitForRecovery, startTraffic } from "../traffic.ts";
import { addSessionOf, expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { rounds: 2, browsers: 10, logouts: 20 },
  short: { rounds: 1, browsers: 6, logouts: 6 },
  tiny: { rounds: 1, browsers: 3, logouts: 3 },
} as const satisfies Record<Size, object>;

export const cluster: Scenario<ClusterRedis> = {
  name: "Redis Cluster",
  startRedis: startClusterRedis,
  env: { REDIS_TIMEOUT_MS: "400" },
  async run(fleet, size): Promise<Outcome> {
    const { rounds, browsers: count, logouts } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    const traffic = startTraffic(browsers, { pauseMs: 10 });
    let moved = 0;
    let unavailableWhileMoving = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        const from = fleet.history.operations.length;
        moved += await moveSlots(fleet, browsers, logouts);
        unavailableWhileMoving += countUnavailableSince(fleet, from);
        await changeMaster(fleet, browsers, { logouts, change: fleet.redis.failOver, during: "a manual failover" });
        await changeMaster(fleet, browsers, { logouts, change: fleet.redis.kill, during: "the loss of a master" });
        await fleet.redis.start();
      }
    } finally {
      await traffic.stop();
    }
    fleet.history.assertions.push({
      ...{ invariant: "I5", holds: unavailableWhileMoving === 0 },
      text: `${unavailableWhileMoving} requests received 503 because slots moved`,
    });
    return {
      unavailable: true,
      details:
        `${moved} slots with live sessions moved under traffic (${unavailableWhileMoving} responses of 503 meanwhile), ${rounds} ` +
        `manual failovers and ${rounds} dead masters; ${3 * rounds * logouts} logouts before and during them stayed ` +
        "final, refreshes happened once, all other sessions continued",
    };
  },
};

function countUnavailableSince({ history }: Fleet, from: number): number {
  return history.operations.slice(from).filter(({ result }) => result.kind === "response" && result.status === 503)
    .length;
}

/** Moves the slots of live sessions, and of sessions that end meanwhile, to another master. @returns the number of slots */
async function moveSlots(
  fleet: Fleet<ClusterRedis>,
  browsers: readonly ChaosBrowser[],
  logouts: number,
): Promise<number> {
  const ending = await addSessions(fleet, browsers, logouts);
  const expectTokenRequests = countTokenRequests(fleet, "moving slots");
  for (const each of browsers) await expireAccessToken(fleet, each);
  const names = [...browsers, ...ending].map(({ key }) => createRedisNames(APPLICATION).session(key));
  const [moved] = await Promise.all([fleet.redis.moveSlotsOf(names), logOut(fleet, ending)]);
  await waitForRecovery(fleet, browsers, "slots had moved");
  await requestEverywhere(fleet, ending);
  expectTokenRequests({ requests: browsers.length });
  return moved;
}

type Change = { logouts: number; change: () => Promise<unknown>; during: string };

async function changeMaster(
  fleet: Fleet<ClusterRedis>,
  browsers: readonly ChaosBrowser[],
  change: Change,
): Promise<void> {
  const ending = await addSessions(fleet, browsers, change.logouts);
  const expectTokenRequests = countTokenRequests(fleet, change.during);
  for (const each of browsers) await expireAccessToken(fleet, each);
  await Promise.all(browsers.map((each) => each.get("api")));
  await logOut(fleet, ending);
  await change.change();
  await waitForRecovery(fleet, browsers, change.during);
  await requestEverywhere(fleet, ending);
  for (const each of browsers) await expireAccessToken(fleet, each);
  await Promise.all(browsers.map((each) => each.get("api")));
  expectTokenRequests({ requests: 2 * browsers.length });
}

function addSessions(fleet: Fleet, browsers: readonly ChaosBrowser[], count: number): Promise<ChaosBrowser[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => addSessionOf(fleet, browsers[index % browsers.length] as ChaosBrowser)),
  );
}

async function logOut({ instances }: Fleet, ending: readonly ChaosBrowser[]): Promise<void> {
  await Promise.all(ending.map((each, index) => each.logout(instances[index % instances.length] as Instance)));
}

async function requestEverywhere({ instances, history }: Fleet, ending: readonly ChaosBrowser[]): Promise<void> {
  // A session whose logout was a 503 may continue.
  const ended = new Set(history.sessionEnds.map(({ session }) => session));
  const acknowledged = ending.filter(({ name }) => ended.has(name));
  await inParallel(acknowledged.length, 10, async (index) => {
    for (const instance of instances) await acknowledged[index]?.get("api", instance);
  });
}
