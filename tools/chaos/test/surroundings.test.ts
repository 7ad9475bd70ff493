// Every chaos scenario of this kind with counts that are tiny; `npm run chaos` has the full ones.
import { expect, it } from "vitest";
import { runScenario, type Scenario } from "../scenario.ts";
import { SCENARIOS } from "../scenarios.ts";

const scenarios: readonly Scenario[] = SCENARIOS.surroundings;

it.each(scenarios)(
  "no promise breaks: $name",
  async (scenario) => {
    expect((await runScenario(scenario, "tiny")).violations).toEqual([]);
  },
  120_000,
);
