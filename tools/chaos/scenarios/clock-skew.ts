// The clocks of the instances differ from the provider's by thirty seconds and from each other's by a minute: logins,
// refreshes and back-channel logouts work, no limit of a session moves, and what one instance stored of a token's life is
// right for the others. By libfaketime where it is installed, otherwise by a clock that is put in front of the gateway's own.
import { existsSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { backchannelLogout, logoutTokenFor } from "../endings.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { anotherSession, expireAccessToken, newVisitor, readSession, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { people: 20, expiries: 5 },
  short: { people: 4, expiries: 1 },
  tiny: { people: 1, expiries: 1 },
} as const satisfies Record<Size, object>;

const LIBRARIES = ["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`);
const library = LIBRARIES.find((file) => existsSync(file));

const PRELOAD = new URL("../clock-offset.ts", import.meta.url).href;

/** Seconds by which the three are off. Beyond thirty a login is refused, with the reason in /readyz. */
const SKEWS = [30, -30, 0] as const;
const IDLE_MS = 3_000;
/** So much earlier than it expires nobody is handed an access token that lives for at least fifty seconds. */
const MARGIN_MS = 5_000;
/** The seconds of a JWT are whole, and a machine may be slow; the clocks are off by much more. */
const NEAR_MS = 5_000;
/** A token says in whole seconds when it expires; the gateway is told for how long it lives, a moment later. */
const WHOLE_SECONDS_MS = 2_000;
/** Seconds: over before long, and less than the clocks differ by yet not due while it is looked at. */
const LIVES = { brief: 2, fresh: 45 } as const;

export const clockSkew: Scenario = {
  name: "clock skew",
  env: { DRAIN_SECONDS: "1" },
  async run(fleet, size): Promise<Outcome> {
    const { people, expiries } = COUNTS[size];
    for (const [index, seconds] of SKEWS.entries()) await setClock(fleet.instances[index] as Instance, seconds);
    // One after the other: what the provider is asked for is counted for all of them together.
    for (let index = 0; index < people; index++) await throughALife(fleet, fleet.instances[index % 3] as Instance);
    let expired = 0;
    for (let round = 0; round < expiries; round++) expired += await throughExpiries(fleet);
    await claimAlarms(fleet);
    const refused = await beyond(fleet);
    return {
      seen:
        `instances ${SKEWS.join(", ")} s off (${library === undefined ? "a shifted Date" : "libfaketime"}): ${people} times login on each, refresh, idle limit and ` +
        `back-channel logout are as without, ${expired} tokens ran out and were renewed once each, by whoever was asked first; 45 s off: a login is ${refused}, /readyz names the clock, sessions go on`,
    };
  },
};

async function setClock({ process }: Instance, seconds: number): Promise<void> {
  const offset = `${seconds < 0 ? "" : "+"}${seconds}`;
  // Durations are measured by the other clock, which no NTP ever moves.
  const byLibrary = { LD_PRELOAD: library ?? "", FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
  const byPreload = { NODE_OPTIONS: `--import=${PRELOAD}`, CLOCK_OFFSET_SECONDS: String(seconds) };
  await process.restart(library === undefined ? byPreload : byLibrary);
}

async function throughALife(fleet: Fleet, first: Instance): Promise<void> {
  const { instances, history } = fleet;
  const order = [first, ...instances.filter((each) => each !== first)];
  for (const at of order) {
    const visitor = await newVisitor(fleet, at);
    await claimRealLife(fleet, visitor, `a login at ${at.name}`);
    for (const instance of instances) await visitor.get("api", instance);
    const spent = spendingFrom(fleet, `a refresh at ${at.name}`);
    await expireAccessToken(fleet, visitor, { bySeconds: 120 });
    await visitor.get("api", at);
    await claimRealLife(fleet, visitor, `a refresh at ${at.name}`);
    for (const instance of order) await visitor.get("api", instance);
    spent({ requests: 1 });
    const idle = await anotherSession(fleet, visitor, { idleMs: IDLE_MS });
    await idle.get("api", at);
    const times = await fleet.store.readWithTimes(idle.key);
    const isKept = times !== undefined && times.idleExpiresInMs <= IDLE_MS && times.idleExpiresInMs > 0;
    history.claims.push({ invariant: "I8", claim: `an idle limit at ${at.name} is what it was set to`, holds: isKept });
    const token = await logoutTokenFor(fleet, visitor);
    const status = await backchannelLogout(fleet, { token, visitor, at });
    history.claims.push({ invariant: "I2", claim: `a logout token at ${at.name}: ${status}`, holds: status === 200 });
    for (const instance of instances) await visitor.get("api", instance);
  }
}

/** What is stored of a token's life is what the token says itself, by the provider's clock. */
async function claimRealLife(fleet: Fleet, visitor: Visitor, after: string): Promise<void> {
  const { tokens } = await readSession(fleet, visitor);
  const offMs = tokens.usableUntilMs + MARGIN_MS - expiryMsOf(tokens.accessToken);
  const claim = `after ${after} its tokens are good for as long as they say (${Math.round(offMs)} ms off)`;
  fleet.history.claims.push({ invariant: "I8", claim, holds: Math.abs(offMs) < NEAR_MS });
}

function expiryMsOf(accessToken: string): number {
  const payload = Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(payload) as { exp: number }).exp * 1_000;
}

/** Tokens of each instance run out by themselves: another one that is asked renews them, and all are content with that. */
async function throughExpiries(fleet: Fleet): Promise<number> {
  const { provider, instances } = fleet;
  const { accessTokenSeconds } = provider.lifetimes;
  const pairs = instances.flatMap((at) => instances.filter((each) => each !== at).map((next) => ({ at, next })));
  provider.lifetimes.accessTokenSeconds = LIVES.brief;
  const expiring: { at: Instance; next: Instance; visitor: Visitor; expiryMs: number }[] = [];
  for (const { at, next } of pairs) {
    const visitor = await newVisitor(fleet, at);
    const { accessToken } = (await readSession(fleet, visitor)).tokens;
    expiring.push({ at, next, visitor, expiryMs: expiryMsOf(accessToken) });
  }
  provider.lifetimes.accessTokenSeconds = LIVES.fresh;
  const lastMs = Math.max(...expiring.map(({ expiryMs }) => expiryMs)) + WHOLE_SECONDS_MS;
  await until("the access tokens have expired", () => Date.now() > lastMs);
  for (const { at, next, visitor } of expiring) {
    const spent = spendingFrom(fleet, `a token of ${at.name} that has expired, asked for at ${next.name} first`);
    for (const instance of [next, ...instances]) await visitor.get("api", instance);
    spent({ requests: 1 });
  }
  provider.lifetimes.accessTokenSeconds = accessTokenSeconds;
  return expiring.length;
}

/** Ready, but somebody should look: only where the clock is off. */
async function claimAlarms({ instances, history }: Fleet): Promise<void> {
  for (const [index, { name, managementOrigin }] of instances.entries()) {
    const response = await fetch(`${managementOrigin}/readyz`);
    const isSaid = (await response.text()).includes(CLOCK_SENTENCE);
    const claim = `the clock of ${name} is ${SKEWS[index]} s off: /readyz is ${response.status} and says ${isSaid ? "so" : "nothing"}`;
    history.claims.push({ invariant: "I8", claim, holds: response.status === 200 && isSaid === (SKEWS[index] !== 0) });
  }
}

const CLOCK_SENTENCE = "the clock of the provider";

/** @returns what a login is answered on an instance whose clock is off by more than is tolerated */
async function beyond(fleet: Fleet): Promise<number> {
  const { instances, provider, history, browserOf } = fleet;
  const [off] = instances as readonly [Instance, ...Instance[]];
  const visitor = await newVisitor(fleet, instances[2]);
  await setClock(off, -45);
  const name = `skew-${randomUUID()}`;
  await provider.addUser({ username: name, password: `${name}-demo-password` });
  const { status } = await browserOf(name, off).login();
  const readiness = await (await fetch(`${off.managementOrigin}/readyz`)).text();
  history.claims.push(
    {
      invariant: "I8",
      claim: `a login with a clock 45 s off is refused: ${status}`,
      holds: status === 400 || status === 503,
    },
    {
      invariant: "I8",
      claim: "readiness names the clock",
      holds: readiness.includes(CLOCK_SENTENCE),
    },
  );
  await visitor.get("api", off);
  await readSession(fleet, visitor);
  await setClock(off, 0);
  await until("logins work again", async () => (await browserOf(name, off).login()).status === 303);
  return status;
}
