// The scenarios, in the order of their importance.
import type { Scenario } from "./scenario.ts";
import { refreshStorm } from "./scenarios/refresh-storm.ts";

export const SCENARIOS: readonly Scenario[] = [refreshStorm];
