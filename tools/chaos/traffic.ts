// Background traffic: users that send requests until the scenario stops them.
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@cloakroom/testkit/until.ts";
import { waitForStore, type ChaosBrowser } from "./browser.ts";
import type { Fleet } from "./fleet.ts";

export type Traffic = { stop: () => Promise<void> };

type TrafficOptions = { pauseMs?: number; what?: readonly ("api" | "user" | "slow")[] };

/** Each browser sends its requests one after the other. After each round it pauses for 0.5 to 1.5 × `pauseMs`. */
export function startTraffic(
  browsers: readonly Pick<ChaosBrowser, "get">[],
  { pauseMs = 0, what = ["api", "user"] }: TrafficOptions = {},
): Traffic {
  let isStopped = false;
  const running = browsers.map(async (browser) => {
    while (!isStopped) {
      for (const each of what) await browser.get(each);
      if (pauseMs > 0) await sleep(pauseMs * (0.5 + Math.random()));
    }
  });
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
  };
}

/** Waits until every instance serves every session again (I8). @throws after the timeout of `until` */
export async function waitForRecovery(fleet: Fleet, browsers: readonly ChaosBrowser[], after: string): Promise<void> {
  const { instances } = fleet;
  await waitForStore(fleet);
  for (const browser of browsers)
    for (const instance of instances)
      await until(`${browser.name} at ${instance.name} is served again after ${after}`, async () => {
        const result = await browser.get("api", instance);
        // A 401 ends the wait too: the checker reports it with its code, a timeout would hide it.
        return result.kind === "response" && (result.status === 200 || result.status === 401);
      });
}

/** @param share 0.99 for p99 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
