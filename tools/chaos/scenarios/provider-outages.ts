// Provider outages (down, slow, responding 500 or HTML) and key rotation: requests with a live token succeed, those that
// need a refresh receive 503 and keep the session, and no login fails because of a rotation.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Outcome, Scenario, Size } from "../scenario.ts";
import { countTokenRequests } from "../token-requests.ts";
import { waitForRecovery, startTraffic } from "../traffic.ts";
import { expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { browsers: 10, rejections: 30, rotations: 3, rotateEveryMs: 10_000 },
  short: { browsers: 5, rejections: 5, rotations: 1, rotateEveryMs: 6_000 },
  tiny: { browsers: 3, rejections: 2, rotations: 1, rotateEveryMs: 1_000 },
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
    name: "slower than the deadline",
    begin: ({ provider }) => provider.faults.set({ endpoint: "all", delayMs: TIMEOUT_SECONDS * 1_000 + 200 }),
    end: clear,
  },
  {
    name: "responding 500",
    begin: ({ provider }) => provider.faults.set({ endpoint: "all", status: 500 }),
    end: clear,
  },
  {
    name: "responding HTML",
    begin: ({ provider }) =>
      provider.faults.set({ endpoint: "all", status: 200, contentType: "text/html", body: "<h1>Sorry</h1>" }),
    end: clear,
  },
];

export const providerOutages: Scenario = {
  name: "provider outages",
  env: { OIDC_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) },
  async run(fleet, size): Promise<Outcome> {
    const { browsers: count, rejections, rotations, rotateEveryMs } = COUNTS[size];
    const browsers = await Promise.all(Array.from({ length: count }, () => logInNewUser(fleet)));
    const live = browsers.slice(1);
    const expired = browsers[0] as ChaosBrowser;
    // The API must fetch the provider's keys before the outage.
    for (const each of browsers) await each.get("api");
    const traffic = startTraffic(live, { pauseMs: 20 });
    const before = fleet.provider.count("jwks");
    let logins = 0;
    try {
      for (const outage of OUTAGES) await runOutage(fleet, { expired, live, outage, rejections });
      logins = await rotateKeys(fleet, rotations, rotateEveryMs);
    } finally {
      await traffic.stop();
    }
    const ofLive = new Set(live.map(({ name }) => name));
    const failed = fleet.history.operations.filter(
      ({ session, result }) => ofLive.has(session) && (result.kind === "connection-error" || result.status !== 200),
    );
    fleet.history.assertions.push({
      ...{ invariant: "I5", holds: failed.length === 0 },
      text: `${failed.length} requests with a live token failed during an outage of the provider`,
    });
    return {
      unavailable: true,
      details:
        `${OUTAGES.map(({ name }) => name).join(", ")}: requests with a live token succeeded, others received 503 and kept ` +
        `their session; keys rotated ${rotations} times, every ${rotateEveryMs / 1000} s, old ones removed at once: ` +
        `${logins} logins, none failed, keys fetched ${fleet.provider.count("jwks") - before} times by three instances`,
    };
  },
};

type OutageRun = { expired: ChaosBrowser; live: readonly ChaosBrowser[]; outage: Outage; rejections: number };

async function runOutage(fleet: Fleet, { expired, live, outage, rejections }: OutageRun): Promise<void> {
  const { history } = fleet;
  await outage.begin(fleet);
  await expireAccessToken(fleet, expired);
  const from = history.operations.length;
  await until(`${rejections} responses of 503 while the provider is ${outage.name}`, async () => {
    await Promise.all(fleet.instances.map((instance) => expired.get("api", instance)));
    const rejected = history.operations
      .slice(from)
      .filter(({ session, result }) => session === expired.name && result.kind === "response" && result.status === 503);
    return rejected.length >= rejections;
  });
  await outage.end(fleet);
  await waitForRecovery(fleet, [expired, ...live], `the provider was ${outage.name}`);
  const expectTokenRequests = countTokenRequests(fleet, `after it was ${outage.name}`);
  await expireAccessToken(fleet, expired);
  for (const instance of fleet.instances) await expired.get("api", instance);
  expectTokenRequests({ requests: 1 });
}

/** @returns the number of logins during the rotations */
async function rotateKeys(fleet: Fleet, rotations: number, everyMs: number): Promise<number> {
  const { provider, history, instances } = fleet;
  let logins = 0;
  let isOver = false;
  const loggingIn = instances.map(async (instance) => {
    while (!isOver) {
      logins += 1;
      const status = await loginAt(fleet, instance);
      history.assertions.push({
        ...{ invariant: "failed", holds: status === 303 },
        text: `a login while the keys are rotated responds ${status}`,
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
