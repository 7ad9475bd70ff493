// kill -9 of random instances under load: connections break, sessions do not.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Instance } from "../fleet.ts";
import { type Outcome, type Scenario, type Size } from "../scenario.ts";
import { healed, percentile, startTraffic } from "../traffic.ts";
import { newVisitor } from "../visitor.ts";

const COUNTS = {
  full: { kills: 100, visitors: 30 },
  short: { kills: 10, visitors: 10 },
  tiny: { kills: 3, visitors: 5 },
} as const satisfies Record<Size, object>;

const PAUSE_MS = 100;
const LONGEST_PAUSE_BETWEEN_KILLS_MS = 300;

export const instanceKills: Scenario = {
  name: "kill -9 of instances",
  async run(fleet, size): Promise<Outcome> {
    const { kills, visitors: count } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    const traffic = startTraffic(visitors, { pauseMs: PAUSE_MS });
    const readyAfterMs: number[] = [];
    try {
      await killAtRandom(fleet, kills, readyAfterMs);
    } finally {
      await traffic.stop();
    }
    await healed(fleet, visitors, "the kills");
    const broken = fleet.history.operations.filter(({ answer }) => answer.kind === "broken").length;
    return {
      broken: true,
      seen:
        `${kills} kills under the traffic of ${count} people: ${broken} of their requests broke, no session was lost, ` +
        `ready again after ${(percentile(readyAfterMs, 0.5) / 1000).toFixed(1)} s (median)`,
    };
  },
};

/** One always lives; which one dies next, and when, is chance. */
async function killAtRandom({ instances }: Fleet, kills: number, readyAfterMs: number[]): Promise<void> {
  const dead = new Map<Instance, Promise<void>>();
  for (let kill = 0; kill < kills; kill++) {
    while (dead.size > 1) await Promise.race(dead.values());
    const alive = instances.filter((each) => !dead.has(each));
    const victim = alive[Math.floor(Math.random() * alive.length)] as Instance;
    await victim.process.kill("SIGKILL");
    const fromMs = performance.now();
    const revived = victim.process.restart().then(() => {
      readyAfterMs.push(performance.now() - fromMs);
      dead.delete(victim);
    });
    dead.set(victim, revived);
    await sleep(Math.random() * LONGEST_PAUSE_BETWEEN_KILLS_MS);
  }
  await Promise.all(dead.values());
}
