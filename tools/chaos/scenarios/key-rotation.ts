// Rotation of SECRET_KEYS, instance by instance: no session ends, and no instance reads a token set that is encrypted with a
// key it does not have.
import { randomBytes } from "node:crypto";
import type { Fleet } from "../fleet.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { waitForRecovery, startTraffic } from "../traffic.ts";
import { expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { rotations: 2, browsers: 10 },
  short: { rotations: 1, browsers: 5 },
  tiny: { rotations: 1, browsers: 3 },
} as const satisfies Record<Size, object>;

export const keyRotation: Scenario = {
  name: "rotation of SECRET_KEYS",
  env: { DRAIN_SECONDS: "4" },
  async run(fleet, size): Promise<Outcome> {
    const { rotations, browsers: count } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    fleet.balancer.startProbes();
    const traffic = startTraffic(browsers, { pauseMs: 50 });
    try {
      for (let rotation = 0; rotation < rotations; rotation++) await rotate(fleet, browsers);
    } finally {
      await traffic.stop();
    }
    await waitForRecovery(fleet, browsers, "the rotation");
    return {
      details:
        `${rotations} times: a new key added, moved to the front, the old one removed, instance by instance with refreshes ` +
        "in between: no session ended and no request failed",
    };
  },
};

/** Adds the new key on every instance, moves it to the front, and removes the old key once no token set uses it. */
async function rotate(fleet: Fleet, browsers: readonly ChaosBrowser[]): Promise<void> {
  const old = fleet.secretKeys;
  const next = randomBytes(32);
  fleet.useKeys([...old, next]);
  await restartAll(fleet, browsers, [...old, next]);
  await restartAll(fleet, browsers, [next, ...old]);
  // A refresh encrypts the token set with the new key.
  await inParallel(browsers.length, 5, async (index) => refresh(fleet, browsers[index] as ChaosBrowser));
  fleet.useKeys([next]);
  await restartAll(fleet, browsers, [next]);
}

async function restartAll(fleet: Fleet, browsers: readonly ChaosBrowser[], keys: readonly Buffer[]): Promise<void> {
  const [browser] = browsers as readonly [ChaosBrowser, ...ChaosBrowser[]];
  for (const { process } of fleet.instances) {
    await process.restart({ SECRET_KEYS: keys.map((key) => key.toString("base64url")).join(",") });
    // Mixed settings: one instance encrypts, another one decrypts.
    await refresh(fleet, browser);
  }
}

async function refresh(fleet: Fleet, browser: ChaosBrowser): Promise<void> {
  await expireAccessToken(fleet, browser);
  await browser.get("api");
}
