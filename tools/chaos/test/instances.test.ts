// Fault scenarios (instances) with minimal counts. `npm run chaos` runs them with full counts.
import { expect, it } from "vitest";
import { runScenario, type Scenario } from "../scenario.ts";
import { SCENARIOS } from "../scenarios.ts";

const scenarios: readonly Scenario[] = SCENARIOS.instances;

it.each(scenarios)(
  'scenario "$name" violates no invariant',
  async (scenario) => {
    const { violations } = await runScenario(scenario, "tiny");
    expect(violations.map(({ invariant, what }) => `${invariant}: ${what}`)).toEqual([]);
  },
  120_000,
);
