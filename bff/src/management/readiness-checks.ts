// What /readyz checks: every dependency of this instance, and whether its failure stops requests.
import type { KeycloakSessions } from "../provider/keycloak-sessions.ts";
import type { Provider } from "../provider/provider.ts";
import type { CheckResult, ReadinessCheck } from "../metrics/dependency-check.ts";
import { redisErrorText } from "../store/redis/redis-errors.ts";
import type { SessionCache } from "../store/session-cache.ts";
import type { FeedState, Store } from "../store/store.ts";

type Dependencies = {
  store: Store;
  provider: Provider;
  keycloak: KeycloakSessions | undefined;
  cache: SessionCache;
};

/**
 * `store` and `provider` can fail: without the store no session can be read, and before the provider has accepted one
 * login request of this gateway no login succeeds. Everything else only degrades.
 */
export function createReadinessChecks({ store, provider, keycloak, cache }: Dependencies): ReadinessCheck[] {
  return [
    {
      name: "store",
      check: async () => failed(await store.check().catch((error: unknown) => unreachableStore(error))),
    },
    { name: "provider", check: () => providerResult(provider) },
    // Sessions go on; only logins are refused, once the clocks differ by more than is tolerated.
    { name: "clock", check: async () => degraded(provider.clockAlarm()) },
    // Ended sessions are refused at once all the same; open streams close later.
    { name: "session-ends", check: async () => degraded(store.listenFault()) },
    ...(keycloak === undefined
      ? []
      : [{ name: "keycloak-admin", check: async () => degraded(await keycloak.check()) }]),
    { name: "session-cache", check: async () => cacheResult(cache.state()) },
  ];
}

/** A provider that has accepted a login request once and is down now fails logins and refreshes, not requests. */
async function providerResult(provider: Provider): Promise<CheckResult> {
  const fault = await provider.check();
  return fault === undefined ? degraded(await provider.outage()) : failed(fault);
}

function unreachableStore(error: unknown): string {
  return `the session store cannot be used: ${redisErrorText(error)}`;
}

/** Without the cache everything works, at the price of a question to the store on every request. */
function cacheResult(state: FeedState | undefined): CheckResult {
  if (state === undefined) return { status: "ok", detail: "off" };
  if (state.kind === "hearing") return { status: "ok" };
  return { status: state.kind === "silent" ? "degraded" : "ok", detail: `off: ${state.reason}` };
}

function failed(detail: string | undefined): CheckResult {
  return detail === undefined ? { status: "ok" } : { status: "failed", detail };
}

function degraded(detail: string | undefined): CheckResult {
  return detail === undefined ? { status: "ok" } : { status: "degraded", detail };
}
