// Redis killed and restarted, frozen, unreachable, slow, cut off, full, read-only, loading, refusing us, each under
// traffic: 200 or 503, nobody is logged out, a frozen one costs nobody more than half a second, and everything heals.
import type { Redis } from "ioredis";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import type { Fleet } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { healed, percentile, startTraffic } from "../traffic.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { visitors: 20, repeats: 3, refusals: 50, frozenRefusals: 400, junk: 5_000 },
  short: { visitors: 6, repeats: 1, refusals: 5, frozenRefusals: 20, junk: 5_000 },
  tiny: { visitors: 3, repeats: 1, refusals: 2, frozenRefusals: 4, junk: 2_500 },
} as const satisfies Record<Size, object>;

const REDIS_TIMEOUT_MS = 400;
/** What a 503 may take while Redis is frozen (p99). */
const LONGEST_REFUSAL_MS = 500;
/** Of each key when it starts: long enough to be seen loading. */
const LOAD_DELAY_US = 400;

type Outage = {
  name: string;
  begin: (fleet: Fleet) => Promise<unknown> | void;
  end: (fleet: Fleet) => Promise<unknown> | void;
};

const onLinks = (weather: "blackHole" | "clear" | "reset") => (fleet: Fleet) =>
  fleet.instances.forEach(({ link }) => link[weather]());
const configure = (name: string, value: string) => (fleet: Fleet) => serverOf(fleet).config("SET", name, value);

const OUTAGES: readonly Outage[] = [
  { name: "killed and restarted with its AOF", begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.start() },
  { name: "frozen", begin: ({ redis }) => redis.pause(), end: ({ redis }) => redis.resume() },
  { name: "unreachable on open connections", begin: onLinks("blackHole"), end: onLinks("clear") },
  {
    name: "slow",
    begin: ({ instances }) => instances.forEach(({ link }) => link.slow(2 * REDIS_TIMEOUT_MS)),
    end: onLinks("clear"),
  },
  { name: "full", begin: configure("maxmemory", "1"), end: configure("maxmemory", "0") },
  {
    name: "read-only",
    begin: (fleet) => serverOf(fleet).call("REPLICAOF", "127.0.0.1", "1"),
    end: (fleet) => serverOf(fleet).call("REPLICAOF", "NO", "ONE"),
  },
  {
    name: "refusing us",
    async begin(fleet) {
      await configure("requirepass", "another")(fleet);
      onLinks("reset")(fleet);
    },
    end: configure("requirepass", ""),
  },
];

export const redisOutages: Scenario = {
  name: "Redis outages",
  env: { REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS) },
  startRedis: () => startRedis(["--key-load-delay", String(LOAD_DELAY_US)]),
  async run(fleet, size): Promise<Outcome> {
    const { visitors: count, repeats, refusals, frozenRefusals, junk } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    const traffic = startTraffic(visitors, { pauseMs: size === "full" ? 20 : 0 });
    const frozenMs: number[] = [];
    try {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const outage of OUTAGES) {
          const isFrozen = outage.name === "frozen";
          const took = await suffer(fleet, { visitors, outage, refusals: isFrozen ? frozenRefusals : refusals });
          if (isFrozen) frozenMs.push(...took);
        }
        fleet.instances.forEach(({ link }) => link.reset());
        await healed(fleet, visitors, "its connections were cut");
      }
      await loading(fleet, visitors, junk);
    } finally {
      await traffic.stop();
    }
    const p99 = percentile(frozenMs, 0.99);
    if (size === "full")
      fleet.history.claims.push({
        ...{ invariant: "I5", holds: p99 <= LONGEST_REFUSAL_MS },
        claim: `a 503 for a frozen Redis comes after ${p99.toFixed(0)} ms, at most ${LONGEST_REFUSAL_MS} ms (p99)`,
      });
    return {
      unavailable: true,
      seen:
        `${repeats} times ${OUTAGES.map(({ name }) => name).join(", ")}, connections cut; once loading: 503 while it lasted, ` +
        `for logins too, all sessions went on afterwards; ${frozenMs.length} answers for a frozen one: p99 ${p99.toFixed(0)} ms`,
    };
  },
};

type Suffering = { visitors: readonly Visitor[]; outage: Outage; refusals: number };

/** @returns how long each 503 took, in milliseconds */
async function suffer(fleet: Fleet, { visitors, outage, refusals }: Suffering): Promise<number[]> {
  const { history } = fleet;
  // One needs a refresh during the outage: its token must not be spent twice, nor be lost. Where reads still work, it
  // is the one who is refused.
  const [refreshing] = visitors;
  if (refreshing !== undefined) await expireAccessToken(fleet, refreshing);
  await outage.begin(fleet);
  const fromMs = performance.now();
  const isRefused = ({ startedMs, answer }: (typeof history.operations)[number]) =>
    startedMs >= fromMs && answer.kind === "answered" && answer.status === 503;
  const from = history.operations.length;
  await until(`${refusals} refusals while Redis is ${outage.name}`, () => {
    return history.operations.slice(from).filter(isRefused).length >= refusals;
  });
  await loginIsRefused(fleet, outage.name);
  await outage.end(fleet);
  const refused = history.operations.slice(from).filter(isRefused);
  await healed(fleet, visitors, `Redis was ${outage.name}`);
  return refused.map(({ startedMs, endedMs }) => endedMs - startedMs);
}

/** A login that cannot be stored is a 503 of ours, and gets no session cookie. */
async function loginIsRefused({ publicOrigin, history }: Fleet, outage: string): Promise<void> {
  const browser = testBrowser(publicOrigin, async () => `${publicOrigin}/bff/callback?code=none&state=none`);
  const { status } = await browser.navigate("/bff/login");
  const isWithoutCookie = browser.cookies.get("__Host-Http-session") === undefined;
  history.claims.push({
    ...{ invariant: "I5", holds: (status === 303 || status === 503) && isWithoutCookie },
    claim: `a login begins or is 503 while Redis is ${outage}: ${status}`,
  });
}

/** It says LOADING to everybody until it has read what it had kept. */
async function loading(fleet: Fleet, visitors: readonly Visitor[], junk: number): Promise<void> {
  const filling = serverOf(fleet).pipeline();
  for (let index = 0; index < junk; index++) filling.set(`junk-${index}`, "1");
  await filling.exec();
  await fleet.redis.kill();
  await fleet.redis.start();
  await healed(fleet, visitors, "Redis was loading");
}

/** Past the links, by the connection that looks into Redis for the scenario. */
function serverOf({ store }: Fleet<TestRedis>): Redis {
  return store.client as Redis;
}
