// The provider down, slow, answering 500 or HTML, and rotating its keys: whoever has a live token notices nothing,
// who needs a new one gets 503 and keeps the session, and a rotation costs nobody a login.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { healed, startTraffic } from "../traffic.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { visitors: 10, refusals: 30, rotations: 3, rotateEveryMs: 10_000 },
  short: { visitors: 5, refusals: 5, rotations: 1, rotateEveryMs: 6_000 },
  tiny: { visitors: 3, refusals: 2, rotations: 1, rotateEveryMs: 1_000 },
} as const satisfies Record<Size, object>;

const TIMEOUT_SECONDS = 1;

type Outage = {
  name: string;
  begin: (fleet: Fleet) => Promise<unknown> | void;
  end: (fleet: Fleet) => Promise<unknown> | void;
};

const clear = ({ provider }: Fleet) => provider.faults.clear();
const OUTAGES: readonly Outage[] = [
  { name: "down", begin: ({ provider }) => provider.down(), end: ({ provider }) => provider.up() },
  {
    name: "slower than its deadline",
    begin: ({ provider }) => provider.faults.set({ endpoint: "all", delayMs: TIMEOUT_SECONDS * 1_000 + 200 }),
    end: clear,
  },
  { name: "answering 500", begin: ({ provider }) => provider.faults.set({ endpoint: "all", status: 500 }), end: clear },
  {
    name: "answering HTML",
    begin: ({ provider }) =>
      provider.faults.set({ endpoint: "all", status: 200, contentType: "text/html", body: "<h1>Sorry</h1>" }),
    end: clear,
  },
];

export const providerOutages: Scenario = {
  name: "provider outages",
  env: { OIDC_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) },
  async run(fleet, size): Promise<Outcome> {
    const { visitors: count, refusals, rotations, rotateEveryMs } = COUNTS[size];
    const visitors = await Promise.all(Array.from({ length: count }, () => newVisitor(fleet)));
    const live = visitors.slice(1);
    const expired = visitors[0] as Visitor;
    // The API has to know the provider's keys as well.
    for (const each of visitors) await each.get("api");
    const traffic = startTraffic(live, { pauseMs: 20 });
    const before = fleet.provider.count("jwks");
    let logins = 0;
    try {
      for (const outage of OUTAGES) await suffer(fleet, { expired, live, outage, refusals });
      logins = await rotateKeys(fleet, rotations, rotateEveryMs);
    } finally {
      await traffic.stop();
    }
    const ofLive = new Set(live.map(({ name }) => name));
    const disturbed = fleet.history.operations.filter(
      ({ session, answer }) => ofLive.has(session) && (answer.kind === "broken" || answer.status !== 200),
    );
    fleet.history.claims.push({
      ...{ invariant: "I5", holds: disturbed.length === 0 },
      claim: `${disturbed.length} requests with a live token noticed an outage of the provider`,
    });
    return {
      unavailable: true,
      seen:
        `${OUTAGES.map(({ name }) => name).join(", ")}: whoever had a live token noticed nothing, the others got 503 and kept ` +
        `their session; keys rotated ${rotations} times, every ${rotateEveryMs / 1000} s and the old ones dropped at once: ` +
        `${logins} logins, none failed, the keys fetched ${fleet.provider.count("jwks") - before} times by three instances`,
    };
  },
};

type Suffering = { expired: Visitor; live: readonly Visitor[]; outage: Outage; refusals: number };

async function suffer(fleet: Fleet, { expired, live, outage, refusals }: Suffering): Promise<void> {
  const { history } = fleet;
  await outage.begin(fleet);
  await expireAccessToken(fleet, expired);
  const from = history.operations.length;
  await until(`${refusals} refusals while the provider is ${outage.name}`, async () => {
    await Promise.all(fleet.instances.map((instance) => expired.get("api", instance)));
    const refused = history.operations
      .slice(from)
      .filter(({ session, answer }) => session === expired.name && answer.kind === "answered" && answer.status === 503);
    return refused.length >= refusals;
  });
  await outage.end(fleet);
  await healed(fleet, [expired, ...live], `the provider was ${outage.name}`);
  const spent = spendingFrom(fleet, `after it was ${outage.name}`);
  await expireAccessToken(fleet, expired);
  for (const instance of fleet.instances) await expired.get("api", instance);
  spent({ requests: 1 });
}

/** @returns how many logins there were meanwhile */
async function rotateKeys(fleet: Fleet, rotations: number, everyMs: number): Promise<number> {
  const { provider, history, instances } = fleet;
  let logins = 0;
  let isOver = false;
  const loggingIn = instances.map(async (instance) => {
    while (!isOver) {
      logins += 1;
      const status = await loginAt(fleet, instance);
      history.claims.push({
        ...{ invariant: "failed", holds: status === 303 },
        claim: `a login while the keys are rotated is answered ${status}`,
      });
    }
  });
  for (let rotation = 0; rotation < rotations; rotation++) {
    await provider.rotateKeys({ dropOld: true });
    await sleep(everyMs);
  }
  isOver = true;
  await Promise.all(loggingIn);
  return logins;
}

async function loginAt({ provider, browserOf }: Fleet, at: Instance): Promise<number> {
  const name = `rotation-${randomUUID()}`;
  await provider.addUser({ username: name, password: `${name}-demo-password` });
  return (await browserOf(name, at).login()).status;
}
