// Connection to the provider: metadata, client authentication and keys. The metadata is read again while the gateway runs,
// by its age and after failures that new metadata could cure.
import { isDeepStrictEqual } from "node:util";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createDpopNonces, withDpopNonces, type DpopNonces } from "./dpop-nonces.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import { singleFlight } from "../lib/single-flight.ts";
import type { Log } from "../logging/log.ts";
import { createClientAuthentication } from "./client-authentication.ts";
import { createClientConfiguration, type ClientConfiguration } from "./client-configuration.ts";
import { discover, type Discovered } from "./discovery.ts";
import { createProviderDispatcher } from "./provider-dispatcher.ts";
import { createProviderFetch } from "./provider-fetch.ts";
import { cacheProbe, createProviderProbe } from "./provider-probe.ts";
import type { RequestContext } from "./repeated-request.ts";

export type ProviderConnection = ReturnType<typeof createProviderConnection>;

/** Cool-down between failed discoveries, so that an outage does not cause a request per login. */
const DISCOVERY_COOL_DOWN_MS = 1_000;
/** After a discovery that changed nothing, failed requests cause no other one for this time. */
const REREAD_COOL_DOWN_MS = 5_000;

/**
 * Discovery at the first use, single-flight, repeated until it succeeds; then repeated when the metadata is older than its
 * `max-age`. A discovery that fails or names another issuer keeps the previous metadata.
 */
export function createProviderConnection(
  config: ProviderConfig,
  { log, nonces = createDpopNonces() }: { log?: Pick<Log, "info" | "warn">; nonces?: DpopNonces } = {},
) {
  const client = createClientAuthentication(config);
  const dispatcher = createProviderDispatcher({ ...config, certificate: client.certificate });
  const fetch = withDpopNonces(createProviderFetch(config, dispatcher), nonces);
  let current: ClientConfiguration | undefined;
  let staleAtMs = 0;
  let coolDownUntilMs = 0;
  let fault: string | undefined;
  let ignoredBefore = "";

  const read = async (): Promise<ClientConfiguration> => {
    const found = await discover(config, fetch);
    const changed = current === undefined ? [] : changedMembers(current.metadata, found.metadata);
    if (current === undefined || changed.length > 0) current = await connectionTo(found);
    staleAtMs = performance.now() + found.maxAgeMs;
    fault = undefined;
    reportIgnored(found.ignored);
    if (changed.length > 0) log?.info("provider metadata changed", { reason: listOf(changed) });
    return current;
  };
  const reportIgnored = (names: string[]): void => {
    const ignored = listOf(names);
    if (ignored !== "" && ignored !== ignoredBefore)
      log?.warn(`discovery document: invalid optional values ignored: ${ignored}`);
    ignoredBefore = ignored;
  };
  /** @returns the connection after the attempt. Never throws. */
  const readAgain = singleFlight(async (): Promise<ClientConfiguration | undefined> => {
    try {
      return await read();
    } catch (error) {
      const reason =
        error instanceof GatewayError ? (error.reason ?? error.code) : "the discovery document is unusable";
      if (reason !== fault)
        log?.warn("provider metadata cannot be read again; the previous metadata is used", { reason });
      fault = reason;
      staleAtMs = performance.now() + REREAD_COOL_DOWN_MS;
      return current;
    }
  });
  /** @param used the connection of a request that failed. @returns another one, if there is one now */
  const renewedAfterFailure = async (used: RequestContext): Promise<ClientConfiguration | undefined> => {
    if (current === used && performance.now() >= coolDownUntilMs) {
      await readAgain();
      if (current === used) coolDownUntilMs = performance.now() + REREAD_COOL_DOWN_MS;
    }
    return current === used ? undefined : current;
  };

  const connectionTo = ({ metadata }: Discovered): Promise<ClientConfiguration> =>
    createClientConfiguration({ config, client, fetch }, { metadata, previous: current, renew: renewedAfterFailure });

  const connectOnce = memoizeSuccess(read, DISCOVERY_COOL_DOWN_MS);
  const connect = async (): Promise<ClientConfiguration> => {
    if (current === undefined) return connectOnce();
    if (performance.now() >= staleAtMs) void readAgain();
    return current;
  };
  const probe = createProviderProbe(config, fetch);
  return Object.assign(connect, {
    /** @returns the connection, undefined before the first successful discovery */
    known: (): ClientConfiguration | undefined => current,
    probe,
    outage: cacheProbe(probe),
    fetch,
    client,
    /** @returns a sentence while a file of the client, OIDC_CA_FILE or new metadata cannot be used */
    alarm: (): string | undefined =>
      client.alarm() ?? dispatcher.alarm() ?? (fault && `${fault}. The previous metadata is used`),
  });
}

const MAX_LISTED = 20;

/** For the log. A document may have a megabyte of names. */
function listOf(names: readonly string[]): string {
  const listed = names.filter((name) => /^[\w.:-]{1,100}$/.test(name)).slice(0, MAX_LISTED);
  const others = names.length - listed.length;
  return [...listed, ...(others > 0 ? [`${others} more`] : [])].join(", ");
}

function changedMembers(before: object, after: object): string[] {
  const [old, next] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return [...new Set([...Object.keys(old), ...Object.keys(next)])].filter(
    (name) => !isDeepStrictEqual(old[name], next[name]),
  );
}
