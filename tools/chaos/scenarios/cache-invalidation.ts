// Cache invalidation: a session cached by every instance is logged out on one of them while the pub/sub connections are
// closed, silent or frozen. After the acknowledgement no instance may accept the session.
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { addSessionOf, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { rounds: 40, callers: 6 },
  short: { rounds: 10, callers: 4 },
  tiny: { rounds: 1, callers: 3 },
} as const satisfies Record<Size, object>;

type PubSubFault = {
  name: string;
  begin: (fleet: Fleet, others: readonly Instance[]) => Promise<unknown> | void;
  end: (others: readonly Instance[]) => Promise<unknown> | void;
  /** The instances send no response until the fault ends. */
  isFrozen?: boolean;
};

const FAULTS: readonly PubSubFault[] = [
  { name: "no fault", begin: () => undefined, end: () => undefined },
  {
    name: "notifications dropped by Redis",
    begin: ({ store }) => store.client.call("CLIENT", "KILL", "TYPE", "pubsub"),
    end: () => undefined,
  },
  {
    name: "links reset",
    begin: (_fleet, others) => others.forEach(({ link }) => link.reset()),
    end: () => undefined,
  },
  {
    name: "links silent",
    begin: (_fleet, others) => others.forEach(({ link }) => link.blackHoleOpenOnes()),
    // Silent connections stay silent: their notifications are lost.
    end: (others) => others.forEach(({ link }) => link.reset()),
  },
  {
    name: "instances frozen",
    begin: (_fleet, others) => Promise.all(others.map(({ process }) => process.kill("SIGSTOP"))),
    end: (others) => Promise.all(others.map(({ process }) => process.kill("SIGCONT"))),
    isFrozen: true,
  },
];

export const cacheInvalidation: Scenario = {
  name: "cache invalidation",
  // Long, so that only an invalidation or a failed freshness check, never the age of an entry, evicts it.
  env: { SESSION_CACHE_SECONDS: "3600", REDIS_TIMEOUT_MS: "1000" },
  async run(fleet, size): Promise<Outcome> {
    const { rounds, callers } = COUNTS[size];
    const user = await logInNewUser(fleet);
    await until("every instance serves from memory", async () => {
      await Promise.all(fleet.instances.flatMap((at) => [user.get("api", at), user.get("api", at)]));
      return (await Promise.all(fleet.instances.map(hitsAt))).every((count) => count > 0);
    });
    for (let round = 0; round < rounds; round++)
      for (const fault of FAULTS) await race(fleet, await addSessionOf(fleet, user), { fault, round, callers });
    const hits = await Promise.all(fleet.instances.map(hitsAt));
    return {
      unavailable: true,
      details: `${rounds} logouts each: ${FAULTS.map(({ name }) => name).join(", ")}; served from memory ${hits.join(", ")} times`,
    };
  },
};

type Race = { fault: PubSubFault; round: number; callers: number };

async function race(fleet: Fleet, browser: ChaosBrowser, { fault, round, callers }: Race): Promise<void> {
  const { instances } = fleet;
  const own = instances[round % instances.length];
  const others = instances.filter((instance) => instance !== own);
  const requestAll = (at: readonly Instance[]) =>
    at.flatMap((instance) => Array.from({ length: callers }, () => browser.get("api", instance)));
  // The first request reads the session from Redis, later ones from the cache.
  for (let pass = 0; pass < 3; pass++) await Promise.all(requestAll(instances));

  await fault.begin(fleet, others);
  let isOver = false;
  const keepRequesting = async (instance: Instance): Promise<void> => {
    while (!isOver) await browser.get("api", instance);
  };
  const requesting = fault.isFrozen === true ? [] : others.map(keepRequesting);
  await browser.logout(own);
  const afterwards = requestAll(instances);
  if (fault.isFrozen === true) await fault.end(others);
  await Promise.all(afterwards);
  isOver = true;
  await Promise.all(requesting);
  if (fault.isFrozen !== true) await fault.end(others);
  await Promise.all(requestAll(instances));
}

async function hitsAt({ managementOrigin }: Instance): Promise<number> {
  const text = await (await fetch(`${managementOrigin}/metrics`)).text();
  return Number(/^cloakroom_session_reads_total\{outcome="hit",application="[^"]+"\} (\d+)/m.exec(text)?.[1] ?? 0);
}
