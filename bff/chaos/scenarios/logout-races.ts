// 2. A logout among slow requests, writes on other instances and refreshes: afterwards nobody has the session.
import { anotherSession, expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";

const COUNTS = {
  full: { races: 10_000, logins: 500, atOnce: 30 },
  short: { races: 100, logins: 10, atOnce: 10 },
  tiny: { races: 12, logins: 3, atOnce: 4 },
} as const satisfies Record<Size, object>;

export const logoutRaces: Scenario = {
  name: "logout races",
  // Every instance writes when it first sees a session, and again after a thirtieth of this.
  env: { SESSION_IDLE_SECONDS: "300" },
  async run(fleet, size): Promise<Outcome> {
    const { races, logins, atOnce } = COUNTS[size];
    const user = await newVisitor(fleet);
    await inParallel(races, atOnce, async (index) => {
      // Those with a login of their own also have a refresh under way when the logout comes.
      const hasLogin = index < logins;
      const visitor = hasLogin ? await newVisitor(fleet) : await anotherSession(fleet, user);
      if (hasLogin) await expireAccessToken(fleet, visitor);
      await race(fleet, visitor, index);
    });
    for (const { session } of fleet.history.endings) await nothingIsLeft(fleet, session);
    return { seen: `${races} logouts on alternating instances, ${logins} of them with a refresh under way` };
  },
};

const keys = new Map<string, string>();

async function race({ instances }: Fleet, visitor: Visitor, index: number): Promise<void> {
  keys.set(visitor.name, visitor.key);
  const at = (offset: number): Instance | undefined => instances[(index + offset) % instances.length];
  const underWay = instances.flatMap((instance) => [visitor.get("slow", instance), visitor.get("api", instance)]);
  const writes = [visitor.get("user", at(1)), visitor.get("api", at(2))];
  await visitor.logout(at(0));
  // Everywhere and at once, while the slow ones are still running, and once more when they have ended.
  await Promise.all(instances.flatMap((instance) => [visitor.get("api", instance), visitor.get("user", instance)]));
  await Promise.all([...underWay, ...writes]);
  await Promise.all(instances.map((instance) => visitor.get("api", instance)));
}

/** A record that came back would be accepted again some day. */
async function nothingIsLeft({ store, history }: Fleet, session: string): Promise<void> {
  const key = keys.get(session);
  keys.delete(session);
  if (key === undefined || (await store.read(key)) === undefined) return;
  history.claims.push({
    invariant: "I2",
    claim: `the record of ${session} is in Redis after its logout`,
    holds: false,
  });
}
