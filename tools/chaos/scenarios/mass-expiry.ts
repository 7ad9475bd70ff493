// Mass expiry: the tokens of thousands of sessions become due at the same time. All instances together send at most
// REFRESH_RATE_PER_SECOND token requests; requests with a usable token do not wait. Then the same with expired tokens.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { percentile } from "../traffic.ts";
import { addSessionOf, logInNewUser, readSession, setTokens, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { sessions: 5_000, expired: 300, atOnce: 100, limit: 200 },
  short: { sessions: 400, expired: 100, atOnce: 50, limit: 100 },
  tiny: { sessions: 60, expired: 20, atOnce: 20, limit: 20 },
} as const satisfies Record<Size, object>;

/** The slots are evenly spaced. An instance that the scheduler delays by this time sends its requests of that time late. */
const MAX_DELAY_S = 0.5;
/** Remaining lifetime of the tokens when their refresh becomes due: requests need not wait meanwhile. */
const USABLE_MS = 120_000;
const COUNT_EVERY_MS = 50;

export const massExpiry: Scenario = {
  name: "mass expiry",
  env: (size) => ({ REFRESH_RATE_PER_SECOND: String(COUNTS[size].limit) }),
  async run(fleet, size): Promise<Outcome> {
    const counts = COUNTS[size];
    const user = await logInNewUser(fleet);
    const { tokens } = await readSession(fleet, user);
    // A fixed token response, because rotating 5,000 token families would take too long. Only the request rate is measured.
    const renewed = {
      access_token: tokens.accessToken,
      refresh_token: "next",
      token_type: "Bearer",
      expires_in: 3_600,
    };
    fleet.provider.faults.set({
      ...{ endpoint: "token", status: 200, contentType: "application/json", body: JSON.stringify(renewed) },
    });
    const rate = measureRate(fleet);
    const sessions: ChaosBrowser[] = [];
    await inParallel(counts.sessions, counts.atOnce, async () => void sessions.push(await addSessionOf(fleet, user)));
    await inParallel(sessions.length, counts.atOnce, async (index) => {
      const session = sessions[index];
      if (session !== undefined) await setTokens(fleet, session, { ...due(), refreshToken: "given" });
    });
    const fromMs = performance.now();
    await inParallel(sessions.length, counts.atOnce, async (index) => sessions[index]?.get("api"));
    const requestsMs = performance.now() - fromMs;
    await until("every session was refreshed", () => rate.total() >= sessions.length, { timeoutMs: USABLE_MS });
    const renewedMs = performance.now() - fromMs;
    const expired = sessions.slice(0, counts.expired);
    for (const each of expired)
      await setTokens(fleet, each, { ...due(), usableUntilMs: Date.now(), refreshToken: "given" });
    const waits = await Promise.all(expired.map((each) => timed(() => each.get("api"))));
    await rate.stop();
    fleet.history.assertions.push(
      {
        ...{ invariant: "I4", holds: rate.most() <= counts.limit * (1 + MAX_DELAY_S) },
        text: `${rate.most()} token requests in one second, the limit is ${counts.limit}`,
      },
      {
        ...{ invariant: "I4", holds: rate.total() === sessions.length + expired.length },
        text: `${rate.total()} refreshes for ${sessions.length + expired.length} token sets`,
      },
    );
    return {
      details:
        `${sessions.length} sessions due at once, used within ${(requestsMs / 1000).toFixed(0)} s: at most ` +
        `${rate.most()} token requests in any second (limit ${counts.limit}), all renewed after ` +
        `${(renewedMs / 1000).toFixed(0)} s, no request waited; ${expired.length} expired ones at once: all requests succeeded, p99 ` +
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

/** Samples the provider's token request count. `most()`: the largest number within any second. */
function measureRate({ provider }: Fleet) {
  const before = provider.count("token");
  const samples: { atMs: number; total: number }[] = [];
  let isStopped = false;
  const sampling = (async () => {
    while (!isStopped) {
      samples.push({ atMs: performance.now(), total: provider.count("token") - before });
      await sleep(COUNT_EVERY_MS);
    }
  })();
  return {
    total: () => provider.count("token") - before,
    most: () => mostInOneSecond(samples),
    stop: async () => {
      isStopped = true;
      await sampling;
    },
  };
}

function mostInOneSecond(samples: readonly { atMs: number; total: number }[]): number {
  let most = 0;
  let from = 0;
  samples.forEach(({ atMs, total }) => {
    while (atMs - (samples[from]?.atMs ?? 0) > 1_000) from += 1;
    most = Math.max(most, total - (samples[from]?.total ?? 0));
  });
  return most;
}
