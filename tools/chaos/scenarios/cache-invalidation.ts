// Sessions that every instance serves from memory are logged out on one of them while the connections that tell of
// it are cut, silent or frozen: once the logout is acknowledged nobody accepts the session.
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { anotherSession, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { rounds: 40, callers: 6 },
  short: { rounds: 10, callers: 4 },
  tiny: { rounds: 1, callers: 3 },
} as const satisfies Record<Size, object>;

type Weather = {
  name: string;
  begin: (fleet: Fleet, others: readonly Instance[]) => Promise<unknown> | void;
  end: (others: readonly Instance[]) => Promise<unknown> | void;
  /** Instances that answer nothing until it is over. */
  isStandstill?: boolean;
};

const WEATHERS: readonly Weather[] = [
  { name: "undisturbed", begin: () => undefined, end: () => undefined },
  {
    name: "notifications cut off by Redis",
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
    // The connections that went silent stay so: what they should have told never comes.
    end: (others) => others.forEach(({ link }) => link.reset()),
  },
  {
    name: "instances frozen",
    begin: (_fleet, others) => Promise.all(others.map(({ process }) => process.kill("SIGSTOP"))),
    end: (others) => Promise.all(others.map(({ process }) => process.kill("SIGCONT"))),
    isStandstill: true,
  },
];

export const cacheInvalidation: Scenario = {
  name: "cache invalidation",
  // Only a proof that is asked for, never the age of an entry, may end what is in memory.
  env: { SESSION_CACHE_SECONDS: "3600", REDIS_TIMEOUT_MS: "1000" },
  async run(fleet, size): Promise<Outcome> {
    const { rounds, callers } = COUNTS[size];
    const user = await newVisitor(fleet);
    await until("every instance serves from memory", async () => {
      await Promise.all(fleet.instances.flatMap((at) => [user.get("api", at), user.get("api", at)]));
      return (await Promise.all(fleet.instances.map(hitsAt))).every((count) => count > 0);
    });
    for (let round = 0; round < rounds; round++)
      for (const weather of WEATHERS) await race(fleet, await anotherSession(fleet, user), { weather, round, callers });
    const hits = await Promise.all(fleet.instances.map(hitsAt));
    return {
      unavailable: true,
      seen: `${rounds} logouts each: ${WEATHERS.map(({ name }) => name).join(", ")}; served from memory ${hits.join(", ")} times`,
    };
  },
};

type Race = { weather: Weather; round: number; callers: number };

async function race(fleet: Fleet, visitor: Visitor, { weather, round, callers }: Race): Promise<void> {
  const { instances } = fleet;
  const own = instances[round % instances.length];
  const others = instances.filter((instance) => instance !== own);
  const everywhere = (at: readonly Instance[]) =>
    at.flatMap((instance) => Array.from({ length: callers }, () => visitor.get("api", instance)));
  // The first of them read it, the later ones have it in memory.
  for (let turn = 0; turn < 3; turn++) await Promise.all(everywhere(instances));

  await weather.begin(fleet, others);
  let isOver = false;
  const callOn = async (instance: Instance): Promise<void> => {
    while (!isOver) await visitor.get("api", instance);
  };
  const calling = weather.isStandstill === true ? [] : others.map(callOn);
  await visitor.logout(own);
  const afterwards = everywhere(instances);
  if (weather.isStandstill === true) await weather.end(others);
  await Promise.all(afterwards);
  isOver = true;
  await Promise.all(calling);
  if (weather.isStandstill !== true) await weather.end(others);
  await Promise.all(everywhere(instances));
}

async function hitsAt({ managementOrigin }: Instance): Promise<number> {
  const text = await (await fetch(`${managementOrigin}/metrics`)).text();
  return Number(/^cloakroom_session_reads_total\{outcome="hit"\} (\d+)/m.exec(text)?.[1] ?? 0);
}
