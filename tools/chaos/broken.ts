// Mutation test of the checker: runs the scenarios with tiny counts against copies of the gateway that are broken on
// purpose. The checker must report a violation for each of them.
import { join } from "node:path";
import { createBreakableCopy, type SourceChange } from "../breakable-copy.ts";
import type { Detection } from "./report.ts";
import { runScenario, type Scenario } from "./scenario.ts";
import { cacheInvalidation } from "./scenarios/cache-invalidation.ts";
import { clockSkew } from "./scenarios/clock-skew.ts";
import { cluster } from "./scenarios/cluster.ts";
import { instanceKills } from "./scenarios/instance-kills.ts";
import { liveConnections } from "./scenarios/live-connections.ts";
import { keyRotation } from "./scenarios/key-rotation.ts";
import { logoutRaces } from "./scenarios/logout-races.ts";
import { backchannelLogouts } from "./scenarios/backchannel-logout.ts";
import { lostHolder } from "./scenarios/lost-holder.ts";
import { massExpiry } from "./scenarios/mass-expiry.ts";
import { redisOutages } from "./scenarios/redis-outages.ts";
import { refreshOutcomes } from "./scenarios/refresh-outcomes.ts";
import { refreshStorm } from "./scenarios/refresh-storm.ts";
import { rollingRestart } from "./scenarios/rolling-restart.ts";
import { sentinelFailover } from "./scenarios/sentinel-failover.ts";

export type BrokenBuild = SourceChange & { scenario: Scenario };

export const BROKEN_BUILDS: readonly BrokenBuild[] = [
  {
    breaks: "I4: no lease",
    file: "src/store/redis/redis-scripts.ts",
    find: `if r[2] and r[2] ~= ARGV[1] and lease > 0 then return {'busy', lease} end
if r[2] and r[2] ~= ARGV[1] and r[3] ~= '0' then`,
    replace: "if false then",
    scenario: refreshStorm,
  },
  {
    breaks: "I4: no fencing token: an instance that lost its lease still writes",
    file: "src/store/redis/redis-scripts.ts",
    find: "if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 0 end\nredis.call('HSET', KEYS[1], 't', ARGV[2], ",
    replace: "redis.call('HSET', KEYS[1], 't', ARGV[2], ",
    scenario: lostHolder,
  },
  {
    breaks: "I4: no compare-and-set: a refresh with an outdated token set is accepted",
    file: "src/store/redis/redis-scripts.ts",
    find: "if r[1] ~= ARGV[2] then return {'changed', r[4], r[5], r[1]} end",
    replace: "",
    scenario: refreshStorm,
  },
  {
    breaks: "I4: a write that Redis could not take is dropped",
    file: "src/tokens/refresh-outcomes.ts",
    find: "context.pendingWrites.enqueue(write);",
    replace: "",
    scenario: refreshOutcomes,
  },
  {
    breaks: "I4: no rate limit: all background refreshes at once",
    file: "src/tokens/refresh-rate-limiter.ts",
    find: "if (perSecond === 0) return true;",
    replace: "if (perSecond !== 0) return true;",
    scenario: massExpiry,
  },
  {
    breaks: "I2: a logout leaves the session in the store",
    file: "src/store/redis/redis-scripts.ts",
    find: "redis.call('DEL', KEYS[1])\nif s then redis.pcall('PUBLISH'",
    replace: "if s then redis.pcall('PUBLISH'",
    scenario: logoutRaces,
  },
  {
    breaks: "I2: a late write restores the session",
    file: "src/store/redis/redis-store.ts",
    find: 'await script("slideSession", [names.session(key)]);',
    replace: `const [s, t] = await client.hmget(names.session(key), "s", "t");
      await new Promise((later) => setTimeout(later, 300));
      if (s && t) await client.hset(names.session(key), "s", s, "t", t, "v", "1", "i", "9999999", "x", "9999999999999");`,
    scenario: logoutRaces,
  },
  {
    breaks: "I2: no tombstone for a provider's session: a logout that arrives before its login is stored has no effect",
    file: "src/store/redis/redis-scripts.ts",
    find: "if closed and (closed == '*' or tonumber(ARGV[3]) <= tonumber(closed)) then return 0 end",
    replace: "",
    scenario: backchannelLogouts,
  },
  {
    breaks: "I2: the index forgets sessions",
    file: "src/store/redis/redis-scripts.ts",
    find: "redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])",
    replace: "redis.call('ZADD', KEYS[1], now + ARGV[2], 'another-session')",
    scenario: logoutRaces,
  },
  {
    breaks: "I2: a logout is acknowledged before a replica has it",
    file: "src/store/redis/redis-store.ts",
    find: "if (!isConfirmed) throw new GatewayError",
    replace: "if (isConfirmed === null) throw new GatewayError",
    scenario: sentinelFailover,
  },
  {
    breaks: "I3: all sessions share one refresh",
    file: "src/tokens/access-token.ts",
    find: "singleFlight(refresh, ({ key }: RefreshableSession) => key)",
    replace: 'singleFlight(refresh, (_session: RefreshableSession) => "shared")',
    scenario: refreshStorm,
  },
  {
    breaks: "I5: an unavailable store is treated as no session (401)",
    file: "src/store/redis/redis-server.ts",
    find: 'throw new GatewayError("store_unavailable", { cause: errors.causeOf(error) });',
    replace: "return undefined as never;",
    scenario: redisOutages,
  },
  {
    breaks: "I5: a missing master key is treated as no session",
    file: "src/lib/encryption.ts",
    find: "keys = new Map(masterKeys.map((key) => [keyIdOf(key), key]));",
    replace: "keys = new Map(masterKeys.slice(0, 1).map((key) => [keyIdOf(key), key]));",
    scenario: keyRotation,
  },
  {
    breaks: "I5: a command for a moved Cluster slot is not redirected",
    file: "src/store/redis/redis-connection.ts",
    find: "clusterRetryStrategy: retryStrategy,",
    replace: "clusterRetryStrategy: retryStrategy, maxRedirections: 0,",
    scenario: cluster,
  },
  {
    breaks: "I8: a closed connection to Redis is not reopened",
    file: "src/store/redis/redis-connection.ts",
    find: "retryStrategy: (attempt: number) => Math.min(20 * 2 ** attempt, 500) * (0.75 + Math.random() / 2),",
    replace: "retryStrategy: () => null,",
    scenario: redisOutages,
  },
  {
    breaks: "I8: each instance uses its own clock",
    file: "src/store/store-clock.ts",
    find: "nowMs: () => (known === undefined ? localMs() : known.aheadOfMonotonicMs + monotonic()),",
    replace: "nowMs: () => localMs(),",
    scenario: clockSkew,
  },
  {
    breaks: "I8: sessions are stored in the instance",
    file: "src/store/open-store.ts",
    find: "if (redisUrl === undefined) {",
    replace: "if (redisUrl !== undefined) {",
    scenario: instanceKills,
  },
  {
    breaks: "SIGTERM ends at once",
    file: "src/main.ts",
    find: "  if (draining) return;\n  draining = true;",
    replace: "  process.exit(0);",
    scenario: rollingRestart,
  },
  {
    breaks: "I2: a cached session is not invalidated when another instance ends it",
    file: "src/store/session-cache.ts",
    find: "metrics.sessionChanged();\n      invalidate(key);",
    replace: "metrics.sessionChanged();",
    scenario: cacheInvalidation,
  },
  {
    breaks: "I2: cached sessions are used without proof that no invalidation is missing",
    file: "src/store/redis/redis-invalidations.ts",
    find: "return nowMs - freshAtMs < MAX_STALENESS_MS;",
    replace: "return true;",
    scenario: cacheInvalidation,
  },
  {
    breaks: "I2: a WebSocket outlives its session",
    file: "src/proxy/websocket/upgrade.ts",
    find: "            close(END_REASON_TO_ERROR_CODE[reason]);",
    replace: "",
    scenario: liveConnections,
  },
  {
    breaks: "I2: instances are not notified of ended sessions",
    file: "src/store/redis/redis-scripts.ts",
    find: "if s then redis.pcall('PUBLISH', ARGV[3], ARGV[4]) end",
    replace: "",
    scenario: liveConnections,
  },
  {
    breaks: "I2: an end published while the subscriber was disconnected is never noticed",
    file: "src/session/live/live-connections.ts",
    find: "onResubscribe: () => void checkAll()",
    replace: "onResubscribe: () => undefined",
    scenario: liveConnections,
  },
  {
    breaks: "I5: an outage closes WebSockets and event streams",
    file: "src/session/live/live-connections.ts",
    find: "scheduleCheck(key, CHECK_AFTER_ERROR_MS * (0.5 + Math.random()));",
    replace: 'end(key, "expired");',
    scenario: liveConnections,
  },
];

/** Runs the scenario against the broken build. @returns the first violation. @throws when the build does not start */
export async function runBrokenBuild(build: BrokenBuild): Promise<Pick<Detection, "detected" | "firstViolation">> {
  const copy = createBreakableCopy();
  try {
    copy.applyChange(build);
    const { violations } = await runScenario(build.scenario, "tiny", { entry: join(copy.folder, "bff/src/main.ts") });
    const [first] = violations;
    return {
      detected: first !== undefined,
      firstViolation: first === undefined ? "" : `${first.invariant}: ${first.what}`,
    };
  } finally {
    copy.remove();
  }
}
