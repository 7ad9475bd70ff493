// Rolling restart: SIGTERM to one instance after the other under load, behind a load balancer with readiness probes. No
// request fails, on new connections, on keep-alive connections, or while it takes long.
import { type Outcome, type Scenario, type Size } from "../scenario.ts";
import { waitForRecovery, startTraffic } from "../traffic.ts";
import { withKeepAlive, logInNewUser } from "../browser.ts";

const COUNTS = {
  full: { rounds: 4, browsers: 20 },
  short: { rounds: 1, browsers: 8 },
  tiny: { rounds: 1, browsers: 4 },
} as const satisfies Record<Size, object>;

export const rollingRestart: Scenario = {
  name: "rolling restart",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, browsers: count } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    fleet.balancer.startProbes();
    const traffic = [
      startTraffic(browsers, { pauseMs: 50 }),
      // Keep-alive connections that are never idle for long, like those of a polling browser.
      startTraffic(browsers.map((each) => withKeepAlive(fleet, each))),
      startTraffic(browsers.slice(0, 3), { what: ["slow"] }),
    ];
    try {
      for (let round = 0; round < rounds; round++) for (const { process } of fleet.instances) await process.restart();
    } finally {
      await Promise.all(traffic.map((each) => each.stop()));
    }
    await waitForRecovery(fleet, browsers, "the restarts");
    return { details: `${rounds * fleet.instances.length} restarts: no request failed` };
  },
};
