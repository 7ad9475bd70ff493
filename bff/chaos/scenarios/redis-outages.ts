// 5. Redis killed, frozen, unreachable, slow, its connections cut, each under traffic: 200 or 503, nobody is logged out,
// and everything heals without a restart.
import { until, type Outcome, type Scenario, type Size } from "../scenario.ts";
import type { Fleet } from "../fleet.ts";
import { healed, startTraffic } from "../traffic.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { visitors: 20, repeats: 5, refusals: 50 },
  short: { visitors: 6, repeats: 1, refusals: 5 },
  tiny: { visitors: 3, repeats: 1, refusals: 2 },
} as const satisfies Record<Size, object>;

const REDIS_TIMEOUT_MS = 400;

type Outage = {
  name: string;
  begin: (fleet: Fleet) => Promise<unknown> | void;
  end: (fleet: Fleet) => Promise<unknown> | void;
};

const onLinks = (weather: "blackHole" | "clear") => (fleet: Fleet) =>
  fleet.instances.forEach(({ link }) => link[weather]());

const OUTAGES: readonly Outage[] = [
  { name: "killed", begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.start() },
  { name: "frozen", begin: ({ redis }) => redis.pause(), end: ({ redis }) => redis.resume() },
  { name: "unreachable on open connections", begin: onLinks("blackHole"), end: onLinks("clear") },
  {
    name: "slow",
    begin: ({ instances }) => instances.forEach(({ link }) => link.slow(2 * REDIS_TIMEOUT_MS)),
    end: onLinks("clear"),
  },
];

export const redisOutages: Scenario = {
  name: "Redis killed, frozen, unreachable, slow, cut",
  env: { REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS) },
  async run(fleet, size): Promise<Outcome> {
    const { visitors: count, repeats, refusals } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    const traffic = startTraffic(visitors);
    try {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const outage of OUTAGES) await suffer(fleet, { visitors, outage, refusals });
        await cutConnections(fleet, visitors);
      }
    } finally {
      await traffic.stop();
    }
    const isRefused = fleet.history.operations.filter(
      ({ answer }) => answer.kind === "answered" && answer.status === 503,
    );
    return {
      unavailable: true,
      seen: `${repeats} times each: ${isRefused.length} answers of 503 while it lasted, all sessions went on afterwards`,
    };
  },
};

type Suffering = { visitors: readonly Visitor[]; outage: Outage; refusals: number };

async function suffer(fleet: Fleet, { visitors, outage, refusals }: Suffering): Promise<void> {
  const { history } = fleet;
  // One needs a refresh during the outage: its token must not be spent twice, nor be lost.
  const [refreshing] = visitors;
  if (refreshing !== undefined) await expireAccessToken(fleet, refreshing);
  const from = history.operations.length;
  await outage.begin(fleet);
  await until(`${refusals} refusals while Redis is ${outage.name}`, () => {
    const refused = history.operations
      .slice(from)
      .filter(({ answer }) => answer.kind === "answered" && answer.status === 503);
    return refused.length >= refusals;
  });
  await outage.end(fleet);
  await healed(fleet, visitors, `Redis was ${outage.name}`);
}

async function cutConnections(fleet: Fleet, visitors: readonly Visitor[]): Promise<void> {
  fleet.instances.forEach(({ link }) => link.reset());
  await healed(fleet, visitors, "its connections were cut");
}
