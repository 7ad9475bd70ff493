// Clock skew: the instances' clocks are up to 30 seconds off the provider's, up to a minute off each other's. Logins,
// refreshes, back-channel logouts and session limits must work as without skew, and a token expiry stored by one instance
// must be correct for the others. Uses libfaketime if it is installed, otherwise clock-offset.ts.
import { existsSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { backchannelLogout, logoutTokenFor } from "../session-ends.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { countTokenRequests } from "../token-requests.ts";
import { addSessionOf, expireAccessToken, logInNewUser, readSession, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { users: 20, expiries: 5 },
  short: { users: 4, expiries: 1 },
  tiny: { users: 1, expiries: 1 },
} as const satisfies Record<Size, object>;

const LIBRARIES = ["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`);
const library = LIBRARIES.find((file) => existsSync(file));

const PRELOAD = new URL("../clock-offset.ts", import.meta.url).href;

/** Offsets of the three instances in seconds. Beyond 30 s a login is rejected and /readyz names the clock. */
const SKEWS = [30, -30, 0] as const;
const IDLE_MS = 3_000;
/** The gateway stops using an access token of at least 50 s lifetime this long before its expiry. */
const MARGIN_MS = 5_000;
/** Tolerance for whole seconds in a JWT and a slow machine; far below the offsets. */
const TOLERANCE_MS = 5_000;
/** `exp` is in whole seconds, and the gateway counts `expires_in` from the arrival of the response. */
const WHOLE_SECONDS_MS = 2_000;
/** Token lifetimes in seconds. `brief` expires during the test; `fresh` is below the largest offset but does not expire. */
const LIFETIMES = { brief: 2, fresh: 45 } as const;

export const clockSkew: Scenario = {
  name: "clock skew",
  env: { DRAIN_SECONDS: "1" },
  async run(fleet, size): Promise<Outcome> {
    const { users, expiries } = COUNTS[size];
    for (const [index, seconds] of SKEWS.entries()) await setClock(fleet.instances[index] as Instance, seconds);
    // Sequentially: the provider counts the token requests of all users together.
    for (let index = 0; index < users; index++) await runSessionLife(fleet, fleet.instances[index % 3] as Instance);
    let expired = 0;
    for (let round = 0; round < expiries; round++) expired += await expireTokens(fleet);
    await assertReadiness(fleet);
    const status = await exceedTolerance(fleet);
    return {
      details:
        `instances ${SKEWS.join(", ")} s off (${library === undefined ? "a shifted Date" : "libfaketime"}): ${users} times login on each, refresh, idle limit and ` +
        `back-channel logout work as without, ${expired} tokens expired and were renewed once each, by the instance that received the first request; 45 s off: a login is ${status}, /readyz names the clock, sessions continue`,
    };
  },
};

async function setClock({ process }: Instance, seconds: number): Promise<void> {
  const offset = `${seconds < 0 ? "" : "+"}${seconds}`;
  // The monotonic clock stays unchanged: NTP does not adjust it either.
  const byLibrary = { LD_PRELOAD: library ?? "", FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
  const byPreload = { NODE_OPTIONS: `--import=${PRELOAD}`, CLOCK_OFFSET_SECONDS: String(seconds) };
  await process.restart(library === undefined ? byPreload : byLibrary);
}

async function runSessionLife(fleet: Fleet, first: Instance): Promise<void> {
  const { instances, history } = fleet;
  const order = [first, ...instances.filter((each) => each !== first)];
  for (const at of order) {
    const browser = await logInNewUser(fleet, at);
    await assertLifetime(fleet, browser, `a login at ${at.name}`);
    for (const instance of instances) await browser.get("api", instance);
    const expectTokenRequests = countTokenRequests(fleet, `a refresh at ${at.name}`);
    await expireAccessToken(fleet, browser, { bySeconds: 120 });
    await browser.get("api", at);
    await assertLifetime(fleet, browser, `a refresh at ${at.name}`);
    for (const instance of order) await browser.get("api", instance);
    expectTokenRequests({ requests: 1 });
    const idle = await addSessionOf(fleet, browser, { idleMs: IDLE_MS });
    await idle.get("api", at);
    const times = await fleet.store.readWithTimes(idle.key);
    const isKept = times !== undefined && times.idleExpiresInMs <= IDLE_MS && times.idleExpiresInMs > 0;
    history.assertions.push({
      invariant: "I8",
      text: `the idle limit at ${at.name} equals its setting`,
      holds: isKept,
    });
    const token = await logoutTokenFor(fleet, browser);
    const status = await backchannelLogout(fleet, { token, browser, at });
    history.assertions.push({
      invariant: "I2",
      text: `a logout token at ${at.name}: ${status}`,
      holds: status === 200,
    });
    for (const instance of instances) await browser.get("api", instance);
  }
}

/** The stored expiry must equal the `exp` of the token, which is by the provider's clock. */
async function assertLifetime(fleet: Fleet, browser: ChaosBrowser, after: string): Promise<void> {
  const { tokens } = await readSession(fleet, browser);
  const offMs = tokens.usableUntilMs + MARGIN_MS - expiryMsOf(tokens.accessToken);
  const text = `after ${after} its tokens are valid for their stated lifetime (${Math.round(offMs)} ms off)`;
  fleet.history.assertions.push({ invariant: "I8", text, holds: Math.abs(offMs) < TOLERANCE_MS });
}

function expiryMsOf(accessToken: string): number {
  const payload = Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(payload) as { exp: number }).exp * 1_000;
}

/** Tokens issued to each instance expire. Another instance renews them, and no instance refreshes again. */
async function expireTokens(fleet: Fleet): Promise<number> {
  const { provider, instances } = fleet;
  const { accessTokenSeconds } = provider.lifetimes;
  const pairs = instances.flatMap((at) => instances.filter((each) => each !== at).map((next) => ({ at, next })));
  provider.lifetimes.accessTokenSeconds = LIFETIMES.brief;
  const expiring: { at: Instance; next: Instance; browser: ChaosBrowser; expiryMs: number }[] = [];
  for (const { at, next } of pairs) {
    const browser = await logInNewUser(fleet, at);
    const { accessToken } = (await readSession(fleet, browser)).tokens;
    expiring.push({ at, next, browser, expiryMs: expiryMsOf(accessToken) });
  }
  provider.lifetimes.accessTokenSeconds = LIFETIMES.fresh;
  const lastMs = Math.max(...expiring.map(({ expiryMs }) => expiryMs)) + WHOLE_SECONDS_MS;
  await until("the access tokens have expired", () => Date.now() > lastMs);
  for (const { at, next, browser } of expiring) {
    const expectTokenRequests = countTokenRequests(
      fleet,
      `an expired token of ${at.name}, first request at ${next.name}`,
    );
    for (const instance of [next, ...instances]) await browser.get("api", instance);
    expectTokenRequests({ requests: 1 });
  }
  provider.lifetimes.accessTokenSeconds = accessTokenSeconds;
  return expiring.length;
}

/** An instance whose clock is off is ready, and /readyz names the clock. */
async function assertReadiness({ instances, history }: Fleet): Promise<void> {
  for (const [index, { name, managementOrigin }] of instances.entries()) {
    const response = await fetch(`${managementOrigin}/readyz`);
    const isNamed = (await response.text()).includes(CLOCK_MESSAGE);
    const text = `the clock of ${name} is ${SKEWS[index]} s off: /readyz is ${response.status} and ${isNamed ? "names" : "does not name"} the clock`;
    history.assertions.push({
      invariant: "I8",
      text,
      holds: response.status === 200 && isNamed === (SKEWS[index] !== 0),
    });
  }
}

const CLOCK_MESSAGE = "the clock of the provider";

/** @returns the status of a login on an instance whose clock exceeds the tolerance */
async function exceedTolerance(fleet: Fleet): Promise<number> {
  const { instances, provider, history, browserOf } = fleet;
  const [off] = instances as readonly [Instance, ...Instance[]];
  const browser = await logInNewUser(fleet, instances[2]);
  await setClock(off, -45);
  const name = `skew-${randomUUID()}`;
  await provider.addUser({ username: name, password: `${name}-demo-password` });
  const { status } = await browserOf(name, off).login();
  const readiness = await (await fetch(`${off.managementOrigin}/readyz`)).text();
  history.assertions.push(
    {
      invariant: "I8",
      text: `a login with a clock 45 s off is rejected: ${status}`,
      holds: status === 400 || status === 503,
    },
    {
      invariant: "I8",
      text: "readiness names the clock",
      holds: readiness.includes(CLOCK_MESSAGE),
    },
  );
  await browser.get("api", off);
  await readSession(fleet, browser);
  await setClock(off, 0);
  await until("logins work again", async () => (await browserOf(name, off).login()).status === 303);
  return status;
}
