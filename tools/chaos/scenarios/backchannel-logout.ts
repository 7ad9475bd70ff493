// The provider ends sessions: refused on every instance within a second of the 200, once only over all instances and
// their restarts, also for a login that is just being stored, and under a thousand tokens a second.
import { randomUUID } from "node:crypto";
import { backchannelLogout, logoutTokenFor } from "../endings.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { percentile } from "../traffic.ts";
import { anotherSession, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { sessions: 500, burst: 10_000, perSecond: 1_000, overtaken: 20 },
  short: { sessions: 50, burst: 1_000, perSecond: 1_000, overtaken: 5 },
  tiny: { sessions: 9, burst: 60, perSecond: 200, overtaken: 2 },
} as const satisfies Record<Size, object>;

const EVERYWHERE_WITHIN_MS = 1_000;

export const backchannelLogouts: Scenario = {
  name: "back-channel logout",
  async run(fleet, size): Promise<Outcome> {
    const { sessions, burst, perSecond, overtaken } = COUNTS[size];
    const user = await newVisitor(fleet);
    const slowestMs = await everywhere(fleet, user, sessions);
    await onceOnly(fleet, user);
    // One after the other: the provider has one fault and one count for everybody.
    for (let login = 0; login < overtaken; login++) await overtakesLogin(fleet);
    const { answersMs, seconds, statuses } = await flood(fleet, user, { burst, perSecond });
    fleet.history.claims.push({
      ...{ invariant: "I2", holds: slowestMs <= EVERYWHERE_WITHIN_MS || size === "tiny" },
      claim: `every instance has refused the session ${slowestMs.toFixed(0)} ms after the 200`,
    });
    return {
      unavailable: true,
      seen:
        `${sessions} sessions, each refused on every instance ${slowestMs.toFixed(0)} ms after the 200 at the latest; a ` +
        `token is taken once, also after every instance was restarted; ${overtaken} logouts before their login was ` +
        `stored: no session; ${burst} tokens offered in ${seconds.toFixed(0)} s (${statuses}): p99 ` +
        `${percentile(answersMs, 0.99).toFixed(0)} ms, nobody else was logged out`,
    };
  },
};

/** @returns the latest refusal after a 200, in milliseconds */
async function everywhere(fleet: Fleet, user: Visitor, sessions: number): Promise<number> {
  const { instances } = fleet;
  let slowestMs = 0;
  await inParallel(sessions, 10, async (index) => {
    const visitor = await anotherSession(fleet, user);
    // Every instance knows the session, so that it has something to forget.
    await Promise.all(instances.map((instance) => visitor.get("api", instance)));
    const token = await logoutTokenFor(fleet, visitor);
    const status = await backchannelLogout(fleet, { token, visitor, at: instances[index % 3] as Instance });
    const fromMs = performance.now();
    if (status !== 200) throw new Error(`a logout token was answered ${status}`);
    await Promise.all(
      instances.map(async (instance) => {
        const answer = await visitor.get("api", instance);
        if (answer.kind === "answered" && answer.status === 401)
          slowestMs = Math.max(slowestMs, performance.now() - fromMs);
      }),
    );
  });
  return slowestMs;
}

async function onceOnly(fleet: Fleet, user: Visitor): Promise<void> {
  const { instances, history } = fleet;
  const [first] = instances as readonly [Instance, ...Instance[]];
  const visitor = await anotherSession(fleet, user);
  const token = await logoutTokenFor(fleet, visitor);
  const statuses = [await backchannelLogout(fleet, { token, visitor, at: first })];
  for (const at of instances) statuses.push(await backchannelLogout(fleet, { token, at }));
  await Promise.all(instances.map(({ process }) => process.restart()));
  for (const at of instances) statuses.push(await backchannelLogout(fleet, { token, at }));
  history.claims.push({
    ...{ invariant: "I2", holds: statuses.join() === "200,400,400,400,400,400,400" },
    claim: `a logout token is taken once over instances and restarts: ${statuses.join()}`,
  });
}

/** The provider's session ends while its user is on the way back from it. */
async function overtakesLogin(fleet: Fleet): Promise<void> {
  const { provider, history, instances } = fleet;
  const [first, second] = instances as readonly [Instance, Instance, Instance];
  const before = provider.count("token");
  let answer = (): void => undefined;
  const answerWhen = new Promise<void>((resolve) => (answer = resolve));
  const name = `overtaken-${randomUUID()}`;
  const { sub } = await provider.addUser({ username: name, password: `${name}-demo-password` });
  const login = fleet.browserOf(name, first);
  const callback = await login.loginAtProvider();
  provider.faults.set({ endpoint: "token", times: 1, answerWhen });
  const finishing = login.navigate(callback, { "sec-fetch-site": "cross-site" });
  await until("the code is at the provider", () => provider.count("token") > before);
  // The ID token may be made a moment later and in the next second, and would then be of a login after the logout.
  const iat = Math.floor(Date.now() / 1000) + 2;
  const token = await provider.logoutToken({ aud: "cloakroom", sub, iat });
  const status = await backchannelLogout(fleet, { token, at: second });
  answer();
  const { status: loginStatus } = await finishing;
  const isLoggedIn = login.cookies.has("__Host-Http-session");
  history.claims.push({
    ...{ invariant: "I2", holds: status === 200 && loginStatus === 400 && !isLoggedIn },
    claim: `a logout (${status}) wins over the login that it overtakes (${loginStatus})`,
  });
}

type Burst = { burst: number; perSecond: number };

/** Genuine tokens for sessions that nobody has, as a provider sends them that ends all of its own at once. */
async function flood(fleet: Fleet, user: Visitor, { burst, perSecond }: Burst) {
  const tokens = await Promise.all(
    Array.from({ length: Math.min(burst, 2_000) }, () =>
      fleet.provider.logoutToken({ aud: "cloakroom", sid: randomUUID(), jti: randomUUID() }),
    ),
  );
  const answersMs: number[] = [];
  const counts = new Map<number, number>();
  const fromMs = performance.now();
  await inParallel(burst, 200, async (index) => {
    const dueMs = fromMs + (index / perSecond) * 1_000;
    if (dueMs > performance.now()) await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
    const beganMs = performance.now();
    const token = tokens[index % tokens.length] ?? "";
    const status = await backchannelLogout(fleet, { token, at: fleet.instances[index % 3] as Instance });
    answersMs.push(performance.now() - beganMs);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    // Everybody else is still served.
    if (index % 50 === 0) await user.get("api");
  });
  const seconds = (performance.now() - fromMs) / 1000;
  return { answersMs, seconds, statuses: [...counts].map(([status, count]) => `${count} × ${status}`).join(", ") };
}
