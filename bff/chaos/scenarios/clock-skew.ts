// The clocks of the instances differ from the provider's and from each other's by almost thirty seconds: logins,
// refreshes and back-channel logouts work, and no limit of a session moves. By libfaketime where it is installed, otherwise by a clock that is put in
// front of the gateway's own.
import { existsSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { backchannelLogout, logoutTokenFor } from "../endings.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { inParallel, until, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { anotherSession, expireAccessToken, newVisitor, readSession } from "../visitor.ts";

const COUNTS = {
  full: { people: 20 },
  short: { people: 4 },
  tiny: { people: 1 },
} as const satisfies Record<Size, object>;

const LIBRARIES = ["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`);
const library = LIBRARIES.find((file) => existsSync(file));

const PRELOAD = new URL("../clock-offset.ts", import.meta.url).href;

/** Seconds by which the three are off. Beyond thirty a login is refused, with the reason in /readyz. */
const SKEWS = [28, -28, 0] as const;
const IDLE_MS = 3_000;

export const clockSkew: Scenario = {
  name: "clock skew",
  env: { DRAIN_SECONDS: "1" },
  async run(fleet, size): Promise<Outcome> {
    const { people } = COUNTS[size];
    for (const [index, seconds] of SKEWS.entries()) await setClock(fleet.instances[index] as Instance, seconds);
    await inParallel(people, 2, (index) => throughALife(fleet, fleet.instances[index % 3] as Instance));
    const refused = await beyond(fleet);
    return {
      seen:
        `instances ${SKEWS.join(", ")} s off (${library === undefined ? "a shifted Date" : "libfaketime"}): ${people} times login on each, refresh, idle limit and ` +
        `back-channel logout are as without; 45 s off: a login is ${refused}, /readyz names the clock, sessions go on`,
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
    for (const instance of instances) await visitor.get("api", instance);
    const spent = spendingFrom(fleet, `a refresh at ${at.name}`);
    await expireAccessToken(fleet, visitor, { bySeconds: 120 });
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
      holds: readiness.includes("the clock of the provider"),
    },
  );
  await visitor.get("api", off);
  await readSession(fleet, visitor);
  await setClock(off, 0);
  await until("logins work again", async () => (await browserOf(name, off).login()).status === 303);
  return status;
}
