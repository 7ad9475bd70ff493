// Thousands who logged in together: their tokens come of age together, and the provider is still asked no faster
// than REFRESH_RATE_PER_SECOND allows, over all instances, while nobody waits; then for tokens that have expired.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { percentile } from "../traffic.ts";
import { anotherSession, newVisitor, readSession, setTokens, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { sessions: 5_000, expired: 300, atOnce: 100, ceiling: 200 },
  short: { sessions: 400, expired: 100, atOnce: 50, ceiling: 100 },
  tiny: { sessions: 60, expired: 20, atOnce: 20, ceiling: 20 },
} as const satisfies Record<Size, object>;

/** Turns are even; on the way to the provider some catch up with others. */
const CATCHING_UP = 1.2;
/** How long the tokens can still be used when their refresh becomes due: nobody has to wait in that time. */
const USABLE_MS = 120_000;
const COUNT_EVERY_MS = 50;

export const massExpiry: Scenario = {
  name: "mass expiry",
  env: (size) => ({ REFRESH_RATE_PER_SECOND: String(COUNTS[size].ceiling) }),
  async run(fleet, size): Promise<Outcome> {
    const counts = COUNTS[size];
    const user = await newVisitor(fleet);
    const { tokens } = await readSession(fleet, user);
    // The provider answers as it does, but without the rotation of five thousand families: what counts is when it is asked.
    const renewed = {
      access_token: tokens.accessToken,
      refresh_token: "next",
      token_type: "Bearer",
      expires_in: 3_600,
    };
    fleet.provider.faults.set({
      ...{ endpoint: "token", status: 200, contentType: "application/json", body: JSON.stringify(renewed) },
    });
    const rate = watchRate(fleet);
    const sessions: Visitor[] = [];
    await inParallel(counts.sessions, counts.atOnce, async () => void sessions.push(await anotherSession(fleet, user)));
    await inParallel(sessions.length, counts.atOnce, async (index) => {
      const session = sessions[index];
      if (session !== undefined) await setTokens(fleet, session, { ...due(), refreshToken: "given" });
    });
    const fromMs = performance.now();
    await inParallel(sessions.length, counts.atOnce, async (index) => sessions[index]?.get("api"));
    const askedMs = performance.now() - fromMs;
    await until("every session was refreshed", () => rate.total() >= sessions.length, { timeoutMs: USABLE_MS });
    const earlyMs = performance.now() - fromMs;
    const expired = sessions.slice(0, counts.expired);
    for (const each of expired)
      await setTokens(fleet, each, { ...due(), usableUntilMs: Date.now(), refreshToken: "given" });
    const waits = await Promise.all(expired.map((each) => timed(() => each.get("api"))));
    await rate.stop();
    fleet.history.claims.push(
      {
        ...{ invariant: "I4", holds: rate.most() <= counts.ceiling * CATCHING_UP },
        claim: `the provider is asked ${rate.most()} times in one second, the ceiling is ${counts.ceiling}`,
      },
      {
        ...{ invariant: "I4", holds: rate.total() === sessions.length + expired.length },
        claim: `${rate.total()} refreshes for ${sessions.length + expired.length} token sets`,
      },
    );
    return {
      seen:
        `${sessions.length} sessions due at once, seen within ${(askedMs / 1000).toFixed(0)} s: the provider was asked at ` +
        `most ${rate.most()} times in any second (ceiling ${counts.ceiling}) and had renewed all after ` +
        `${(earlyMs / 1000).toFixed(0)} s, nobody waited; ${expired.length} expired ones at once: all answered, p99 ` +
        `${(percentile(waits, 0.99) / 1000).toFixed(1)} s`,
    };
  },
};

const due = () => ({ refreshAtMs: Date.now() - 1, usableUntilMs: Date.now() + USABLE_MS });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const fromMs = performance.now();
  await work();
  return performance.now() - fromMs;
}

/** Counts what arrives at the provider, and the most in any second. */
function watchRate({ provider }: Fleet) {
  const before = provider.count("token");
  const seen: { atMs: number; total: number }[] = [];
  let isStopped = false;
  const watching = (async () => {
    while (!isStopped) {
      seen.push({ atMs: performance.now(), total: provider.count("token") - before });
      await sleep(COUNT_EVERY_MS);
    }
  })();
  return {
    total: () => provider.count("token") - before,
    most: () => mostInOneSecond(seen),
    stop: async () => {
      isStopped = true;
      await watching;
    },
  };
}

function mostInOneSecond(seen: readonly { atMs: number; total: number }[]): number {
  let most = 0;
  let from = 0;
  seen.forEach(({ atMs, total }) => {
    while (atMs - (seen[from]?.atMs ?? 0) > 1_000) from += 1;
    most = Math.max(most, total - (seen[from]?.total ?? 0));
  });
  return most;
}
