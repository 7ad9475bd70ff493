// SIGKILL of random instances under load: connections may be aborted, sessions must survive.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Instance } from "../fleet.ts";
import { type Outcome, type Scenario, type Size } from "../scenario.ts";
import { waitForRecovery, percentile, startTraffic } from "../traffic.ts";
import { logInNewUser } from "../browser.ts";

const COUNTS = {
  full: { kills: 100, browsers: 30 },
  short: { kills: 10, browsers: 10 },
  tiny: { kills: 3, browsers: 5 },
} as const satisfies Record<Size, object>;

const PAUSE_MS = 100;
const MAX_PAUSE_BETWEEN_KILLS_MS = 300;

export const instanceKills: Scenario = {
  name: "kill -9 of instances",
  async run(fleet, size): Promise<Outcome> {
    const { kills, browsers: count } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    const traffic = startTraffic(browsers, { pauseMs: PAUSE_MS });
    const readyAfterMs: number[] = [];
    try {
      await killAtRandom(fleet, kills, readyAfterMs);
    } finally {
      await traffic.stop();
    }
    await waitForRecovery(fleet, browsers, "the kills");
    const aborted = fleet.history.operations.filter(({ result }) => result.kind === "connection-error").length;
    return {
      connectionErrors: true,
      details:
        `${kills} kills under the traffic of ${count} users: ${aborted} requests were aborted, no session was lost, ` +
        `ready again after ${(percentile(readyAfterMs, 0.5) / 1000).toFixed(1)} s (median)`,
    };
  },
};

/** At least one instance stays alive. Which one is killed, and when, is random. */
async function killAtRandom({ instances }: Fleet, kills: number, readyAfterMs: number[]): Promise<void> {
  const restarting = new Map<Instance, Promise<void>>();
  for (let kill = 0; kill < kills; kill++) {
    while (restarting.size > 1) await Promise.race(restarting.values());
    const alive = instances.filter((each) => !restarting.has(each));
    const victim = alive[Math.floor(Math.random() * alive.length)] as Instance;
    await victim.process.kill("SIGKILL");
    const fromMs = performance.now();
    const restarted = victim.process.restart().then(() => {
      readyAfterMs.push(performance.now() - fromMs);
      restarting.delete(victim);
    });
    restarting.set(victim, restarted);
    await sleep(Math.random() * MAX_PAUSE_BETWEEN_KILLS_MS);
  }
  await Promise.all(restarting.values());
}
