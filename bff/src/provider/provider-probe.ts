// Health check of the provider, for /readyz, the metrics and the logout.
import { setTimeout as sleep } from "node:timers/promises";
import type { ProviderConfig } from "../config/config.ts";
import { neverSentCode } from "../lib/network-errors.ts";
import { singleFlight } from "../lib/single-flight.ts";
import { proxyErrorOf } from "./proxy-tunnel.ts";
import type { ProviderFetch } from "./provider-fetch.ts";

/** Less than the timeout of a check in /readyz and in the metrics. */
const PROBE_WAIT_MS = 300;
/** Validity of a cached result: an outage is reported within ten seconds, its end within one. */
const VALID_WHILE_UP_MS = 10_000;
const VALID_WHILE_DOWN_MS = 1_000;
const NO_LOGINS = "Logins and token refreshes fail until the provider is back; sessions are kept";

type Probe = () => Promise<string | undefined>;

/** Requests the discovery document. @returns undefined if the provider responds, otherwise one sentence */
export function createProviderProbe({ issuer, timeoutMs }: ProviderConfig, fetch: ProviderFetch): Probe {
  const { host } = new URL(issuer);
  return async function probe(): Promise<string | undefined> {
    try {
      const response = await fetch(discoveryUrl(issuer), { signal: AbortSignal.timeout(timeoutMs) });
      await response.body?.cancel();
      return response.status < 500 ? undefined : `OIDC_ISSUER responds ${response.status} at ${host}. ${NO_LOGINS}`;
    } catch (error) {
      const proxy = proxyErrorOf(error);
      if (proxy !== undefined) return `${proxy.message}. ${NO_LOGINS}`;
      const code = neverSentCode(error) ?? "timeout";
      return `OIDC_ISSUER cannot be reached at ${host} (${code}). ${NO_LOGINS}`;
    }
  };
}

/**
 * Caches the result, so that the checks of several monitors send one request (single-flight). While a slow provider has
 * not responded, the previous result is returned.
 */
export function cacheProbe(probe: Probe): Probe {
  let outage: string | undefined;
  let staleAtMs = 0;
  const probeOnce = singleFlight(async (): Promise<string | undefined> => {
    outage = await probe();
    staleAtMs = performance.now() + (outage === undefined ? VALID_WHILE_UP_MS : VALID_WHILE_DOWN_MS);
    return outage;
  });
  return async function cachedProbe(): Promise<string | undefined> {
    if (performance.now() < staleAtMs) return outage;
    return Promise.race([probeOnce(), sleep(PROBE_WAIT_MS, undefined, { ref: false }).then(() => outage)]);
  };
}

/** OIDC Discovery 1.0 §4: appended to the issuer, also if the issuer has a path. */
function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}
