// People who ask again and again while something happens to the gateways.
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@cloakroom/testkit/until.ts";
import type { Fleet } from "./fleet.ts";
import { reached, type Visitor } from "./visitor.ts";

export type Traffic = { stop: () => Promise<void> };

type Manner = { pauseMs?: number; what?: readonly ("api" | "user" | "slow")[] };

/** Every visitor asks the API and who they are, in turn, with a pause after both. */
export function startTraffic(
  visitors: readonly Pick<Visitor, "get">[],
  { pauseMs = 0, what = ["api", "user"] }: Manner = {},
): Traffic {
  let isStopped = false;
  const going = visitors.map(async (visitor) => {
    while (!isStopped) {
      for (const each of what) await visitor.get(each);
      if (pauseMs > 0) await sleep(pauseMs * (0.5 + Math.random()));
    }
  });
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(going);
    },
  };
}

/** I8, and the end of I5: every session is good on every instance again. */
export async function healed(fleet: Fleet, visitors: readonly Visitor[], after: string): Promise<void> {
  const { instances } = fleet;
  await reached(fleet);
  for (const visitor of visitors)
    for (const instance of instances)
      await until(`${visitor.name} at ${instance.name} is served again after ${after}`, async () => {
        const answer = await visitor.get("api", instance);
        // A logout would not heal: the checker tells it better than a time-out does.
        return answer.kind === "answered" && (answer.status === 200 || answer.status === 401);
      });
}

/** @param share 0.99 for p99 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
