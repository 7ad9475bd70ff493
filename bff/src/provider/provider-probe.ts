// Whether the provider responds now: for /readyz, the metrics, and a logout that is to send the browser there.
import { setTimeout as sleep } from "node:timers/promises";
import type { ProviderConfig } from "../config/config.ts";
import { neverSentCode, type ProviderFetch } from "./provider-fetch.ts";

/** Below what /readyz and a scrape of the metrics wait for a check. */
const PROBE_WAIT_MS = 300;
/** How long a result of the outage probe is kept: an outage is seen within ten seconds, its end within one. */
const PROBE_UP_MS = 10_000;
const PROBE_DOWN_MS = 1_000;
const NO_LOGINS = "Logins and token refreshes fail until the provider is back; sessions are kept";

type Probe = () => Promise<string | undefined>;

/** Asks for the discovery document. @returns undefined where the provider responds, otherwise one sentence. */
export function createProviderProbe({ issuer, timeoutMs }: ProviderConfig, fetch: ProviderFetch): Probe {
  const { host } = new URL(issuer);
  return async function probe(): Promise<string | undefined> {
    try {
      const response = await fetch(discoveryUrl(issuer), { signal: AbortSignal.timeout(timeoutMs) });
      await response.body?.cancel();
      return response.status < 500 ? undefined : `OIDC_ISSUER answers ${response.status} at ${host}. ${NO_LOGINS}`;
    } catch (error) {
      const code = neverSentCode(error) ?? "no answer in time";
      return `OIDC_ISSUER cannot be reached at ${host} (${code}). ${NO_LOGINS}`;
    }
  };
}

/**
 * Keeps the result for a while, so that the probes of several monitors cost one request. A provider that is slow delays
 * no monitor: until it responds the previous result is reported.
 */
export function keepResult(probe: Probe): Probe {
  let pending: Promise<string | undefined> | undefined;
  let fault: string | undefined;
  let staleAtMs = 0;
  return async function outage(): Promise<string | undefined> {
    if (performance.now() < staleAtMs) return fault;
    pending ??= probe().then((result) => {
      pending = undefined;
      fault = result;
      staleAtMs = performance.now() + (result === undefined ? PROBE_UP_MS : PROBE_DOWN_MS);
      return result;
    });
    return Promise.race([pending, sleep(PROBE_WAIT_MS, undefined, { ref: false }).then(() => fault)]);
  };
}

/** OIDC Discovery 1.0 §4: below the issuer, also where that has a path. */
function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}
