// Readiness checks: every dependency of the instance, and whether its failure stops requests.
import type { RemoteIndex } from "../http/remote-index.ts";
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
  /** The page of SPA_URL. */
  remoteIndex?: Pick<RemoteIndex, "check"> | undefined;
  /** Undefined unless a row accepts access tokens of clients. */
  checkBearers: (() => Promise<string | undefined>) | undefined;
};

/**
 * Only `store` and `provider` can be `failed`: without the store no session can be read, and until the provider has
 * accepted a login request of this gateway no login succeeds. All other checks are `degraded` at worst.
 */
export function createReadinessChecks(dependencies: Dependencies): ReadinessCheck[] {
  const { store, provider, keycloak, cache, remoteIndex, checkBearers } = dependencies;
  return [
    {
      name: "store",
      check: async () => failed(await store.check().catch((error: unknown) => unreachableStore(error))),
    },
    { name: "provider", check: () => providerResult(provider) },
    // Existing sessions work; logins are rejected once the clocks differ by more than the tolerance.
    { name: "clock", check: async () => degraded(provider.clockAlarm()) },
    // Requests of ended sessions are still rejected immediately; only open streams close late.
    { name: "session-ends", check: async () => degraded(store.subscriptionError()) },
    ...(keycloak === undefined
      ? []
      : [{ name: "keycloak-admin", check: async () => degraded(await keycloak.check()) }]),
    // APIs and sessions work without it, and the last page is served while the CDN does not respond.
    ...(remoteIndex === undefined ? [] : [{ name: "spa-url", check: async () => degraded(remoteIndex.check()) }]),
    // Requests with a session are not affected.
    ...(checkBearers === undefined ? [] : [{ name: "bearer", check: async () => degraded(await checkBearers()) }]),
    { name: "session-cache", check: async () => cacheResult(cache.state()) },
  ];
}

/** After the first accepted login request, an outage of the provider fails logins and refreshes, not requests. */
async function providerResult(provider: Provider): Promise<CheckResult> {
  const fault = await provider.check();
  return fault === undefined
    ? degraded(
        (await provider.outage()) ??
          provider.registrationAlarm() ??
          provider.fileAlarm() ??
          provider.configurationAlarm(),
      )
    : failed(fault);
}

function unreachableStore(error: unknown): string {
  return `the session store cannot be used: ${redisErrorText(error)}`;
}

/** Without the session cache, every request reads the store. */
function cacheResult(state: FeedState | undefined): CheckResult {
  if (state === undefined) return { status: "ok", detail: "off" };
  if (state.kind === "connected") return { status: "ok" };
  return { status: state.kind === "disconnected" ? "degraded" : "ok", detail: `off: ${state.reason}` };
}

function failed(detail: string | undefined): CheckResult {
  return detail === undefined ? { status: "ok" } : { status: "failed", detail };
}

function degraded(detail: string | undefined): CheckResult {
  return detail === undefined ? { status: "ok" } : { status: "degraded", detail };
}
