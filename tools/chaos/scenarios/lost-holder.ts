// The holder of the refresh lease is killed, frozen, or cut off from Redis during the refresh (docs/decisions/0004): exactly
// one further attempt follows, and the fencing token rejects the late write of the former holder.
import { until } from "@cloakroom/testkit/until.ts";
import { gate, type Outcome, type Scenario } from "../scenario.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { expireAccessToken, logInNewUser, type ChaosBrowser } from "../browser.ts";

const TIMEOUT_SECONDS = 4;

/** Token response of a provider without rotation; the test provider never issued these tokens. */
const LATE_RESPONSE = {
  contentType: "application/json",
  body: JSON.stringify({ access_token: "late", refresh_token: "late", token_type: "Bearer", expires_in: 3_600 }),
};

export const lostHolder: Scenario = {
  name: "lease holder killed, frozen, cut off",
  // A lease of 4 + 2 s, so that it expires soon (see refreshTiming). Late writes are logged at level info.
  env: { OIDC_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS), LOG_LEVEL: "info", REDIS_TIMEOUT_MS: "1000" },
  async run(fleet): Promise<Outcome> {
    const { provider, history } = fleet;
    const [killed, frozen, other] = fleet.instances as readonly [Instance, Instance, Instance];
    const [unused, used, paused, late] = [
      await logInNewUser(fleet),
      await logInNewUser(fleet),
      await logInNewUser(fleet),
      await logInNewUser(fleet),
    ] as const;
    const all = [unused, used, paused, late];
    for (const browser of all) await expireAccessToken(fleet, browser);
    const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
    const never = gate();

    // The instance is killed before the provider uses the token.
    provider.faults.set({ endpoint: "token", times: 1, processAfter: never.opened });
    await startRefresh(fleet, unused, killed);
    // The instance is killed after the provider used the token, before the response.
    provider.faults.set({ endpoint: "token", times: 1, respondAfter: never.opened });
    await startRefresh(fleet, used, killed);
    await killed.process.kill("SIGKILL");

    // The instance is frozen before the provider uses the token.
    provider.faults.set({ endpoint: "token", times: 1, processAfter: never.opened });
    await startRefresh(fleet, paused, frozen);
    // The write of the new token set is held back until another instance has refreshed.
    const responding = gate();
    provider.faults.set({
      endpoint: "token",
      times: 1,
      status: 200,
      ...LATE_RESPONSE,
      processAfter: responding.opened,
    });
    const waiting = await startRefresh(fleet, late, frozen);
    frozen.link.hold();
    responding.open();
    await waiting.result;
    await frozen.process.kill("SIGSTOP");

    for (const browser of all) await waitForTakeover(browser, other);
    await frozen.process.kill("SIGCONT");
    frozen.link.clear();
    await until("the late write has reached Redis", () =>
      /pending token write (saved|superseded)/.test(frozen.process.output()),
    );
    history.tokenRequestCounts.push({
      during: "four lost lease holders",
      tokenRequests: provider.count("token") - before.tokenRequests,
      expectedRequests: 2 * all.length,
      reuses: provider.count("refresh-token-reuse") - before.reuses,
      // The token whose response was lost is sent once more by the further attempt.
      expectedReuses: 1,
    });
    await killed.process.restart();
    await refreshOnceMore(fleet, [unused, paused, late]);
    return {
      ...{ unavailable: true, connectionErrors: true, ended: new Map([[used.name, "session_expired"]]) },
      details:
        "token not used: session kept; token used, response lost: one further attempt, rejected, session ended; " +
        "frozen and resumed: session kept; late write: rejected",
    };
  },
};

/** Makes `at` the lease holder: sends a request and waits until the provider receives the refresh. */
async function startRefresh({ provider }: Fleet, browser: ChaosBrowser, at: Instance) {
  const before = provider.count("token");
  const result = browser.get("api", at);
  await until("the provider has the refresh", () => provider.count("token") > before);
  return { result };
}

/** Another instance takes over when the lease expires; until then it responds 503. */
async function waitForTakeover(browser: ChaosBrowser, at: Instance): Promise<void> {
  await until(`${browser.name} receives a response`, async () => {
    const result = await browser.get("api", at);
    return result.kind === "response" && result.status !== 503;
  });
}

/** The stored token set works for the next refresh: no stale write replaced it. */
async function refreshOnceMore(fleet: Fleet, browsers: readonly ChaosBrowser[]): Promise<void> {
  const { provider, history, instances } = fleet;
  const before = { tokenRequests: provider.count("token"), reuses: provider.count("refresh-token-reuse") };
  for (const browser of browsers) {
    await expireAccessToken(fleet, browser);
    await Promise.all(instances.map((instance) => browser.get("api", instance)));
  }
  history.tokenRequestCounts.push({
    during: "the next refresh",
    tokenRequests: provider.count("token") - before.tokenRequests,
    expectedRequests: browsers.length,
    reuses: provider.count("refresh-token-reuse") - before.reuses,
    expectedReuses: 0,
  });
  for (const browser of browsers) {
    const results = await Promise.all(instances.map((instance) => browser.get("api", instance)));
    const areGood = results.every((result) => result.kind === "response" && result.status === 200);
    history.assertions.push({
      invariant: "I4",
      text: `${browser.name} works after the loss of its lease holder`,
      holds: areGood,
    });
  }
}
