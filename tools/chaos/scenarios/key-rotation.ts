// The secret keys change while people are logged in, instance by instance: nobody is logged out, and no instance ever
// meets what another one has sealed with a key that it does not have.
import { randomBytes } from "node:crypto";
import type { Fleet } from "../fleet.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { healed, startTraffic } from "../traffic.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { rotations: 2, visitors: 10 },
  short: { rotations: 1, visitors: 5 },
  tiny: { rotations: 1, visitors: 3 },
} as const satisfies Record<Size, object>;

export const keyRotation: Scenario = {
  name: "rotation of SECRET_KEYS",
  env: { DRAIN_SECONDS: "4" },
  async run(fleet, size): Promise<Outcome> {
    const { rotations, visitors: count } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    fleet.balancer.probe();
    const traffic = startTraffic(visitors, { pauseMs: 50 });
    try {
      for (let rotation = 0; rotation < rotations; rotation++) await rotate(fleet, visitors);
    } finally {
      await traffic.stop();
    }
    await healed(fleet, visitors, "the rotation");
    return {
      seen:
        `${rotations} times: a new key added, put in front, the old one dropped, each instance by instance with refreshes ` +
        "in between: nobody was logged out and not one request failed",
    };
  },
};

/** Known everywhere first, then in front everywhere, and the old one dropped once nothing is sealed with it any more. */
async function rotate(fleet: Fleet, visitors: readonly Visitor[]): Promise<void> {
  const old = fleet.secretKeys;
  const next = randomBytes(32);
  fleet.useKeys([...old, next]);
  await roll(fleet, visitors, [...old, next]);
  await roll(fleet, visitors, [next, ...old]);
  // Every session is sealed again with its next refresh.
  await inParallel(visitors.length, 5, async (index) => refreshed(fleet, visitors[index] as Visitor));
  fleet.useKeys([next]);
  await roll(fleet, visitors, [next]);
}

async function roll(fleet: Fleet, visitors: readonly Visitor[], keys: readonly Buffer[]): Promise<void> {
  const [visitor] = visitors as readonly [Visitor, ...Visitor[]];
  for (const { process } of fleet.instances) {
    await process.restart({ SECRET_KEYS: keys.map((key) => key.toString("base64url")).join(",") });
    // While some have the new settings and some the old: sealed by the one, opened by the other.
    await refreshed(fleet, visitor);
  }
}

async function refreshed(fleet: Fleet, visitor: Visitor): Promise<void> {
  await expireAccessToken(fleet, visitor);
  await visitor.get("api");
}
