// Back-channel logout: every instance rejects the session within one second of the 200. A logout token is accepted once
// across instances and restarts, also while the login is being stored, and at a rate of 1,000 tokens per second.
import { randomUUID } from "node:crypto";
import { backchannelLogout, logoutTokenFor } from "../session-ends.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { gate, inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { percentile } from "../traffic.ts";
import { addSessionOf, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { sessions: 500, burst: 10_000, perSecond: 1_000, earlyLogouts: 20 },
  short: { sessions: 50, burst: 1_000, perSecond: 1_000, earlyLogouts: 5 },
  tiny: { sessions: 9, burst: 60, perSecond: 200, earlyLogouts: 2 },
} as const satisfies Record<Size, object>;

const MAX_REJECTION_DELAY_MS = 1_000;

export const backchannelLogouts: Scenario = {
  name: "back-channel logout",
  async run(fleet, size): Promise<Outcome> {
    const { sessions, burst, perSecond, earlyLogouts } = COUNTS[size];
    const user = await logInNewUser(fleet);
    const slowestMs = await endSessions(fleet, user, sessions);
    await replayToken(fleet, user);
    // Sequentially: the provider has one fault and one request count for all logins.
    for (let login = 0; login < earlyLogouts; login++) await logoutBeforeLogin(fleet);
    const { durationsMs, seconds, statuses } = await flood(fleet, user, { burst, perSecond });
    fleet.history.assertions.push({
      ...{ invariant: "I2", holds: slowestMs <= MAX_REJECTION_DELAY_MS || size === "tiny" },
      text: `every instance rejects the session ${slowestMs.toFixed(0)} ms after the 200`,
    });
    return {
      unavailable: true,
      details:
        `${sessions} sessions, each rejected by every instance at most ${slowestMs.toFixed(0)} ms after the 200; a ` +
        `token is accepted once, also after a restart of every instance; ${earlyLogouts} logouts before their login was ` +
        `stored: no session; ${burst} tokens sent in ${seconds.toFixed(0)} s (${statuses}): p99 ` +
        `${percentile(durationsMs, 0.99).toFixed(0)} ms, no other session ended`,
    };
  },
};

/** @returns the longest time from a 200 to a 401, in milliseconds */
async function endSessions(fleet: Fleet, user: ChaosBrowser, sessions: number): Promise<number> {
  const { instances } = fleet;
  let slowestMs = 0;
  await inParallel(sessions, 10, async (index) => {
    const browser = await addSessionOf(fleet, user);
    // Every instance caches the session, so that it has an entry to invalidate.
    await Promise.all(instances.map((instance) => browser.get("api", instance)));
    const token = await logoutTokenFor(fleet, browser);
    const status = await backchannelLogout(fleet, { token, browser, at: instances[index % 3] as Instance });
    const fromMs = performance.now();
    if (status !== 200) throw new Error(`back-channel logout: status ${status}`);
    await Promise.all(
      instances.map(async (instance) => {
        const result = await browser.get("api", instance);
        if (result.kind === "response" && result.status === 401)
          slowestMs = Math.max(slowestMs, performance.now() - fromMs);
      }),
    );
  });
  return slowestMs;
}

/** The token is sent again to every instance, before and after a restart. */
async function replayToken(fleet: Fleet, user: ChaosBrowser): Promise<void> {
  const { instances, history } = fleet;
  const [first] = instances as readonly [Instance, ...Instance[]];
  const browser = await addSessionOf(fleet, user);
  const token = await logoutTokenFor(fleet, browser);
  const statuses = [await backchannelLogout(fleet, { token, browser, at: first })];
  for (const at of instances) statuses.push(await backchannelLogout(fleet, { token, at }));
  await Promise.all(instances.map(({ process }) => process.restart()));
  for (const at of instances) statuses.push(await backchannelLogout(fleet, { token, at }));
  history.assertions.push({
    ...{ invariant: "I2", holds: statuses.join() === "200,400,400,400,400,400,400" },
    text: `a logout token is accepted once across instances and restarts: ${statuses.join()}`,
  });
}

/** The logout token arrives while the callback waits for the token response. */
async function logoutBeforeLogin(fleet: Fleet): Promise<void> {
  const { provider, history, instances } = fleet;
  const [first, second] = instances as readonly [Instance, Instance, Instance];
  const before = provider.count("token");
  const responding = gate();
  const name = `early-logout-${randomUUID()}`;
  const { sub } = await provider.addUser({ username: name, password: `${name}-demo-password` });
  const login = fleet.browserOf(name, first);
  const callback = await login.loginAtProvider();
  provider.faults.set({ endpoint: "token", times: 1, respondAfter: responding.opened });
  const finished = login.navigate(callback, { "sec-fetch-site": "cross-site" });
  await until("the code is at the provider", () => provider.count("token") > before);
  // The ID token may be issued in the next second. An `iat` in the future keeps the logout later than the login.
  const iat = Math.floor(Date.now() / 1000) + 2;
  const token = await provider.logoutToken({ aud: "cloakroom", sub, iat });
  const status = await backchannelLogout(fleet, { token, at: second });
  responding.open();
  const { status: loginStatus } = await finished;
  const isLoggedIn = login.cookies.has("__Host-Http-session");
  history.assertions.push({
    ...{ invariant: "I2", holds: status === 200 && loginStatus === 400 && !isLoggedIn },
    text: `a logout (${status}) that arrives before its login (${loginStatus}) is final`,
  });
}

type Burst = { burst: number; perSecond: number };

/** Valid logout tokens of unknown sessions, as a provider sends them when it ends all its sessions at once. */
async function flood(fleet: Fleet, user: ChaosBrowser, { burst, perSecond }: Burst) {
  const tokens = await Promise.all(
    Array.from({ length: Math.min(burst, 2_000) }, () =>
      fleet.provider.logoutToken({ aud: "cloakroom", sid: randomUUID(), jti: randomUUID() }),
    ),
  );
  const durationsMs: number[] = [];
  const counts = new Map<number, number>();
  const fromMs = performance.now();
  await inParallel(burst, 200, async (index) => {
    const dueMs = fromMs + (index / perSecond) * 1_000;
    if (dueMs > performance.now()) await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
    const beganMs = performance.now();
    const token = tokens[index % tokens.length] ?? "";
    const status = await backchannelLogout(fleet, { token, at: fleet.instances[index % 3] as Instance });
    durationsMs.push(performance.now() - beganMs);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    // Another session must still be served.
    if (index % 50 === 0) await user.get("api");
  });
  const seconds = (performance.now() - fromMs) / 1000;
  return { durationsMs, seconds, statuses: [...counts].map(([status, count]) => `${count} × ${status}`).join(", ") };
}
