// SIGTERM to one instance after the other under load, behind a balancer that asks for readiness: no request fails,
// neither on a new connection nor on one that is kept open, and none that takes long.
import { type Outcome, type Scenario, type Size } from "../scenario.ts";
import { healed, startTraffic } from "../traffic.ts";
import { keptOpen, newVisitor } from "../visitor.ts";

const COUNTS = {
  full: { rounds: 4, visitors: 20 },
  short: { rounds: 1, visitors: 8 },
  tiny: { rounds: 1, visitors: 4 },
} as const satisfies Record<Size, object>;

export const rollingRestart: Scenario = {
  name: "rolling restart",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, visitors: count } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    fleet.balancer.probe();
    const traffic = [
      startTraffic(visitors, { pauseMs: 50 }),
      // Their connections are never idle for long, as a browser's that polls.
      startTraffic(visitors.map((each) => keptOpen(fleet, each))),
      startTraffic(visitors.slice(0, 3), { what: ["slow"] }),
    ];
    try {
      for (let round = 0; round < rounds; round++) for (const { process } of fleet.instances) await process.restart();
    } finally {
      await Promise.all(traffic.map((each) => each.stop()));
    }
    await healed(fleet, visitors, "the restarts");
    return { seen: `${rounds * fleet.instances.length} restarts: not one request failed` };
  },
};
