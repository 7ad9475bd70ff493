// All fault scenarios, grouped by subject.
import type { Scenario } from "./scenario.ts";
import { backchannelLogouts } from "./scenarios/backchannel-logout.ts";
import { cacheInvalidation } from "./scenarios/cache-invalidation.ts";
import { clockSkew } from "./scenarios/clock-skew.ts";
import { cluster } from "./scenarios/cluster.ts";
import { drainMidRefresh } from "./scenarios/drain-mid-refresh.ts";
import { instanceKills } from "./scenarios/instance-kills.ts";
import { keyRotation } from "./scenarios/key-rotation.ts";
import { liveConnections } from "./scenarios/live-connections.ts";
import { logins } from "./scenarios/logins.ts";
import { logoutRaces } from "./scenarios/logout-races.ts";
import { lostHolder } from "./scenarios/lost-holder.ts";
import { massExpiry } from "./scenarios/mass-expiry.ts";
import { memory } from "./scenarios/memory.ts";
import { providerOutages } from "./scenarios/provider-outages.ts";
import { redisOutages } from "./scenarios/redis-outages.ts";
import { refreshOutcomes } from "./scenarios/refresh-outcomes.ts";
import { refreshStorm } from "./scenarios/refresh-storm.ts";
import { rollingRestart } from "./scenarios/rolling-restart.ts";
import { sentinelFailover } from "./scenarios/sentinel-failover.ts";

export const SCENARIOS = {
  refreshes: [refreshStorm, refreshOutcomes, lostHolder, drainMidRefresh, massExpiry],
  sessions: [logoutRaces, cacheInvalidation, liveConnections, backchannelLogouts, logins],
  instances: [instanceKills, rollingRestart, keyRotation, memory],
  redis: [redisOutages, sentinelFailover, cluster],
  environment: [providerOutages, clockSkew],
} as const satisfies Record<string, readonly Scenario[]>;
