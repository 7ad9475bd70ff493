// The scenarios, in the order of their importance.
import type { Scenario } from "./scenario.ts";
import { drainMidRefresh } from "./scenarios/drain-mid-refresh.ts";
import { logoutRaces } from "./scenarios/logout-races.ts";
import { lostHolder } from "./scenarios/lost-holder.ts";
import { redisOutages } from "./scenarios/redis-outages.ts";
import { refreshStorm } from "./scenarios/refresh-storm.ts";

export const SCENARIOS: readonly Scenario[] = [refreshStorm, logoutRaces, lostHolder, drainMidRefresh, redisOutages];
