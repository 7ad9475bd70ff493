// Redis outages under traffic: killed and restarted, frozen, unreachable, slow, connections closed, full, read-only, loading,
// rejecting the gateway. Requests receive 200 or 503, no session ends, a frozen Redis delays a response by at most half a
// second, and every instance recovers.
import type { Redis } from "ioredis";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import type { Fleet } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { waitForRecovery, percentile, startTraffic } from "../traffic.ts";
import { expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { browsers: 20, repeats: 3, rejections: 50, frozenRejections: 400, junk: 5_000 },
  short: { browsers: 6, repeats: 1, rejections: 5, frozenRejections: 20, junk: 5_000 },
  tiny: { browsers: 3, repeats: 1, rejections: 2, frozenRejections: 4, junk: 2_500 },
} as const satisfies Record<Size, object>;

const REDIS_TIMEOUT_MS = 400;
/** Limit for the duration of a 503 while Redis is frozen (p99). */
const MAX_UNAVAILABLE_MS = 500;
/** Delay per key while Redis loads, so that the LOADING state lasts long enough to be observed. */
const LOAD_DELAY_US = 400;

type Outage = {
  name: string;
  begin: (fleet: Fleet) => Promise<unknown> | void;
  end: (fleet: Fleet) => Promise<unknown> | void;
};

const onLinks = (fault: "blackHole" | "clear" | "reset") => (fleet: Fleet) =>
  fleet.instances.forEach(({ link }) => link[fault]());
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
    name: "rejecting the gateway",
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
    const { browsers: count, repeats, rejections, frozenRejections, junk } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    const traffic = startTraffic(browsers, { pauseMs: size === "full" ? 20 : 0 });
    const frozenMs: number[] = [];
    try {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const outage of OUTAGES) {
          const isFrozen = outage.name === "frozen";
          const took = await runOutage(fleet, {
            browsers,
            outage,
            rejections: isFrozen ? frozenRejections : rejections,
          });
          if (isFrozen) frozenMs.push(...took);
        }
        fleet.instances.forEach(({ link }) => link.reset());
        await waitForRecovery(fleet, browsers, "its connections were closed");
      }
      await restartWithManyKeys(fleet, browsers, junk);
    } finally {
      await traffic.stop();
    }
    const p99 = percentile(frozenMs, 0.99);
    if (size === "full")
      fleet.history.assertions.push({
        ...{ invariant: "I5", holds: p99 <= MAX_UNAVAILABLE_MS },
        text: `a 503 while Redis is frozen takes ${p99.toFixed(0)} ms, at most ${MAX_UNAVAILABLE_MS} ms (p99)`,
      });
    return {
      unavailable: true,
      details:
        `${repeats} times ${OUTAGES.map(({ name }) => name).join(", ")}, connections closed; once loading: 503 meanwhile, ` +
        `for logins too, all sessions continued afterwards; ${frozenMs.length} responses while frozen: p99 ${p99.toFixed(0)} ms`,
    };
  },
};

type OutageRun = { browsers: readonly ChaosBrowser[]; outage: Outage; rejections: number };

/** @returns the duration of each 503, in milliseconds */
async function runOutage(fleet: Fleet, { browsers, outage, rejections }: OutageRun): Promise<number[]> {
  const { history } = fleet;
  // One session needs a refresh during the outage: its token must not be used twice or lost. Where reads still work, only
  // this session receives 503.
  const [refreshing] = browsers;
  if (refreshing !== undefined) await expireAccessToken(fleet, refreshing);
  await outage.begin(fleet);
  const fromMs = performance.now();
  const isUnavailable = ({ startedMs, result }: (typeof history.operations)[number]) =>
    startedMs >= fromMs && result.kind === "response" && result.status === 503;
  const from = history.operations.length;
  await until(`${rejections} responses of 503 while Redis is ${outage.name}`, () => {
    return history.operations.slice(from).filter(isUnavailable).length >= rejections;
  });
  await assertLoginUnavailable(fleet, outage.name);
  await outage.end(fleet);
  const rejected = history.operations.slice(from).filter(isUnavailable);
  await waitForRecovery(fleet, browsers, `Redis was ${outage.name}`);
  return rejected.map(({ startedMs, endedMs }) => endedMs - startedMs);
}

/** A login that cannot be stored responds 503 and sets no session cookie. */
async function assertLoginUnavailable({ publicOrigin, history }: Fleet, outage: string): Promise<void> {
  const browser = testBrowser(publicOrigin, async () => `${publicOrigin}/bff/callback?code=none&state=none`);
  const { status } = await browser.navigate("/bff/login");
  const isWithoutCookie = browser.cookies.get("__Host-Http-session") === undefined;
  history.assertions.push({
    ...{ invariant: "I5", holds: (status === 303 || status === 503) && isWithoutCookie },
    text: `a login begins or is 503 while Redis is ${outage}: ${status}`,
  });
}

/** Restarts Redis with many keys: it rejects commands with LOADING until it has read them. */
async function restartWithManyKeys(fleet: Fleet, browsers: readonly ChaosBrowser[], junk: number): Promise<void> {
  const filling = serverOf(fleet).pipeline();
  for (let index = 0; index < junk; index++) filling.set(`junk-${index}`, "1");
  await filling.exec();
  await fleet.redis.kill();
  await fleet.redis.start();
  await waitForRecovery(fleet, browsers, "Redis was loading");
}

/** The harness's own connection, which bypasses the fault proxies. */
function serverOf({ store }: Fleet<TestRedis>): Redis {
  return store.client as Redis;
}
