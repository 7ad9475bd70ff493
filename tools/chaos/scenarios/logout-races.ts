// Logout races: a session ends, in every possible kind, during slow requests, writes on other instances and refreshes.
// Afterwards no instance accepts it, no late response sets its cookie, and no write restores its record.
import { setTimeout as sleep } from "node:timers/promises";
import { backchannelLogout, logoutTokenFor, revoke } from "../session-ends.ts";
import type { Fleet, Instance } from "../fleet.ts";
import type { EndedBy } from "../history.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { addSessionOf, expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { races: 10_000, logins: 300, atOnce: 40 },
  short: { races: 200, logins: 10, atOnce: 10 },
  tiny: { races: 30, logins: 4, atOnce: 6 },
} as const satisfies Record<Size, object>;

const LIMIT_MS = 400;
/** A response does not wait for its slide, which may reach Redis this much later. */
const SLIDE_TOLERANCE_MS = 1_000;

type EndKind = Exclude<EndedBy, "administrator">;

/** The distribution of ten races. */
const END_KINDS: readonly EndKind[] = [
  ...(["logout", "logout", "logout", "logout"] as const),
  ...(["back-channel logout", "back-channel logout", "revocation", "revocation"] as const),
  ...(["idle limit", "absolute limit"] as const),
];

export const logoutRaces: Scenario = {
  name: "logout races",
  // Every instance slides a session on its first request and then every 1/30 of this.
  env: { SESSION_IDLE_SECONDS: "300" },
  async run(fleet, size): Promise<Outcome> {
    const { races, logins, atOnce } = COUNTS[size];
    const user = await logInNewUser(fleet);
    const ends: Race[] = [];
    await inParallel(races, atOnce, async (index) => {
      const race = await (index < logins ? raceOfLogin(fleet, index) : raceOfSession(fleet, user, index));
      ends.push(race);
      await run(fleet, race, index);
    });
    await inParallel(ends.length, atOnce, (index) => assertNothingIsLeft(fleet, ends[index]?.browser));
    const count = (kind: EndKind) => ends.filter((each) => each.kind === kind).length;
    return {
      details:
        `${races} races on alternating instances: ${count("logout")} logouts, ${count("back-channel logout")} back-channel ` +
        `logouts, ${count("revocation")} revocations by the user, ${count("idle limit")} idle and ` +
        `${count("absolute limit")} absolute limits; ${logins} during a refresh`,
    };
  },
};

type Race = { browser: ChaosBrowser; kind: EndKind; end: (at: Instance) => Promise<unknown> };

/** A session with a login of its own, and therefore a refresh token: a refresh is in flight when the session ends. */
async function raceOfLogin(fleet: Fleet, index: number): Promise<Race> {
  const browser = await logInNewUser(fleet);
  const token = await logoutTokenFor(fleet, browser);
  await expireAccessToken(fleet, browser);
  if (index % 3 === 0) return { browser, kind: "logout", end: browser.logout };
  if (index % 3 === 1) return { browser, kind: "revocation", end: browser.logoutEverywhere };
  return { browser, kind: "back-channel logout", end: (at) => backchannelLogout(fleet, { token, browser, at }) };
}

async function raceOfSession(fleet: Fleet, user: ChaosBrowser, index: number): Promise<Race> {
  const kind = END_KINDS[index % END_KINDS.length] ?? "logout";
  const limits = {
    ...(kind === "idle limit" ? { idleMs: LIMIT_MS } : {}),
    ...(kind === "absolute limit" ? { maxMs: LIMIT_MS } : {}),
  };
  const browser = await addSessionOf(fleet, user, limits);
  const createdMs = performance.now();
  const { history } = fleet;
  const over = (beganMs: number, acknowledgedMs: number) =>
    history.sessionEnds.push({ session: browser.name, beganMs, acknowledgedMs, by: kind });
  switch (kind) {
    case "logout":
      return { browser, kind, end: browser.logout };
    case "revocation":
      return { browser, kind, end: (at) => revoke(fleet, user, browser, at) };
    case "back-channel logout": {
      const token = await logoutTokenFor(fleet, browser);
      return { browser, kind, end: (at) => backchannelLogout(fleet, { token, browser, at }) };
    }
    case "absolute limit":
      over(createdMs, createdMs + LIMIT_MS + 50);
      return { browser, kind, end: () => sleep(Math.max(0, createdMs + LIMIT_MS + 60 - performance.now())) };
    case "idle limit":
      return { browser, kind, end: () => idle(browser, over) };
  }
}

/** Sends no requests until the idle limit and a tolerance have passed. */
async function idle({ inFlight }: ChaosBrowser, over: (beganMs: number, acknowledgedMs: number) => unknown) {
  const beganMs = performance.now();
  await Promise.allSettled(inFlight);
  const acknowledgedMs = performance.now() + LIMIT_MS + SLIDE_TOLERANCE_MS;
  over(beganMs, acknowledgedMs);
  await sleep(LIMIT_MS + SLIDE_TOLERANCE_MS + 10);
}

async function run({ instances }: Fleet, { browser, end }: Race, index: number): Promise<void> {
  const at = (offset: number): Instance => instances[(index + offset) % instances.length] as Instance;
  const inFlight = [browser.get("slow", at(1)), browser.get("api", at(2)), browser.get("user", at(1))];
  await end(at(0));
  // On all instances at once while the slow request is in flight, and once more after its response.
  await Promise.all(instances.map((instance) => browser.get("api", instance)));
  await Promise.all(inFlight);
  await browser.get(index % 2 === 0 ? "api" : "user", at(index));
}

/** I2: a restored record would be accepted again. */
async function assertNothingIsLeft({ store, history }: Fleet, browser: ChaosBrowser | undefined): Promise<void> {
  if (browser === undefined || (await store.read(browser.key)) === undefined) return;
  history.assertions.push({
    invariant: "I2",
    text: `the record of ${browser.name} is in Redis after its end`,
    holds: false,
  });
}
