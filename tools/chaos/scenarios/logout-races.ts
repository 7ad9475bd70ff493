// A session ends, in every way it can, among slow requests, writes on other instances and refreshes: afterwards
// nobody has it, no late answer sets its cookie, and no record of it comes back.
import { setTimeout as sleep } from "node:timers/promises";
import { backchannelLogout, logoutTokenFor, revoke } from "../endings.ts";
import type { Fleet, Instance } from "../fleet.ts";
import type { EndedBy } from "../history.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { anotherSession, expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { races: 10_000, logins: 300, atOnce: 40 },
  short: { races: 200, logins: 10, atOnce: 10 },
  tiny: { races: 30, logins: 4, atOnce: 6 },
} as const satisfies Record<Size, object>;

const LIMIT_MS = 400;
/** A slide is sent with an answer and not waited for: it may reach Redis so much later. */
const SLIDE_TOLERANCE_MS = 1_000;

type Way = Exclude<EndedBy, "administrator">;

/** Of ten races, so many end in that way. */
const WAYS: readonly Way[] = [
  ...(["logout", "logout", "logout", "logout"] as const),
  ...(["back-channel logout", "back-channel logout", "revocation", "revocation"] as const),
  ...(["idle limit", "absolute limit"] as const),
];

export const logoutRaces: Scenario = {
  name: "logout races",
  // Every instance writes when it first sees a session, and again after a thirtieth of this.
  env: { SESSION_IDLE_SECONDS: "300" },
  async run(fleet, size): Promise<Outcome> {
    const { races, logins, atOnce } = COUNTS[size];
    const user = await newVisitor(fleet);
    const ends: Ends[] = [];
    await inParallel(races, atOnce, async (index) => {
      const race = await (index < logins ? raceOfLogin(fleet, index) : raceOfSession(fleet, user, index));
      ends.push(race);
      await run(fleet, race, index);
    });
    await inParallel(ends.length, atOnce, (index) => nothingIsLeft(fleet, ends[index]?.visitor));
    const count = (way: Way) => ends.filter((each) => each.way === way).length;
    return {
      seen:
        `${races} races on alternating instances: ${count("logout")} logouts, ${count("back-channel logout")} back-channel ` +
        `logouts, ${count("revocation")} revocations by the user, ${count("idle limit")} idle and ` +
        `${count("absolute limit")} absolute limits; ${logins} with a refresh under way`,
    };
  },
};

type Ends = { visitor: Visitor; way: Way; end: (at: Instance) => Promise<unknown> };

/** Those with a login of their own also have a refresh under way when the end comes. */
async function raceOfLogin(fleet: Fleet, index: number): Promise<Ends> {
  const visitor = await newVisitor(fleet);
  const token = await logoutTokenFor(fleet, visitor);
  await expireAccessToken(fleet, visitor);
  if (index % 3 === 0) return { visitor, way: "logout", end: visitor.logout };
  if (index % 3 === 1) return { visitor, way: "revocation", end: visitor.logoutEverywhere };
  return { visitor, way: "back-channel logout", end: (at) => backchannelLogout(fleet, { token, visitor, at }) };
}

async function raceOfSession(fleet: Fleet, user: Visitor, index: number): Promise<Ends> {
  const way = WAYS[index % WAYS.length] ?? "logout";
  const limits = {
    ...(way === "idle limit" ? { idleMs: LIMIT_MS } : {}),
    ...(way === "absolute limit" ? { maxMs: LIMIT_MS } : {}),
  };
  const visitor = await anotherSession(fleet, user, limits);
  const createdMs = performance.now();
  const { history } = fleet;
  const over = (beganMs: number, acknowledgedMs: number) =>
    history.endings.push({ session: visitor.name, beganMs, acknowledgedMs, by: way });
  switch (way) {
    case "logout":
      return { visitor, way, end: visitor.logout };
    case "revocation":
      return { visitor, way, end: (at) => revoke(fleet, user, visitor, at) };
    case "back-channel logout": {
      const token = await logoutTokenFor(fleet, visitor);
      return { visitor, way, end: (at) => backchannelLogout(fleet, { token, visitor, at }) };
    }
    case "absolute limit":
      over(createdMs, createdMs + LIMIT_MS + 50);
      return { visitor, way, end: () => sleep(Math.max(0, createdMs + LIMIT_MS + 60 - performance.now())) };
    case "idle limit":
      return { visitor, way, end: () => idle(visitor, over) };
  }
}

/** Nobody asks any more, until the limit and a little more has passed. */
async function idle({ underWay }: Visitor, over: (beganMs: number, acknowledgedMs: number) => unknown) {
  const beganMs = performance.now();
  await Promise.allSettled(underWay);
  const acknowledgedMs = performance.now() + LIMIT_MS + SLIDE_TOLERANCE_MS;
  over(beganMs, acknowledgedMs);
  await sleep(LIMIT_MS + SLIDE_TOLERANCE_MS + 10);
}

async function run({ instances }: Fleet, { visitor, end }: Ends, index: number): Promise<void> {
  const at = (offset: number): Instance => instances[(index + offset) % instances.length] as Instance;
  const underWay = [visitor.get("slow", at(1)), visitor.get("api", at(2)), visitor.get("user", at(1))];
  await end(at(0));
  // Everywhere and at once, while the slow one is still running, and once more when it has ended.
  await Promise.all(instances.map((instance) => visitor.get("api", instance)));
  await Promise.all(underWay);
  await visitor.get(index % 2 === 0 ? "api" : "user", at(index));
}

/** A record that came back would be accepted again some day. */
async function nothingIsLeft({ store, history }: Fleet, visitor: Visitor | undefined): Promise<void> {
  if (visitor === undefined || (await store.read(visitor.key)) === undefined) return;
  history.claims.push({
    invariant: "I2",
    claim: `the record of ${visitor.name} is in Redis after its end`,
    holds: false,
  });
}
