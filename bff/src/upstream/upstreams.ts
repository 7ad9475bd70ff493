// The upstreams that may be called: found by path, never by anything else in a request.
import type { UpstreamConfig } from "../config/config.ts";
import { isBelow } from "../lib/paths.ts";
import type { UpstreamSnapshot } from "../metrics/metrics.ts";
import { createAddress, type Address, type AddressLog } from "./upstream-server.ts";
import { createBalancer, type Balancer } from "./balancer.ts";
import { requestHeaderFilter } from "../headers/request-header-rules.ts";
import { createUpstreamStats, type UpstreamStats } from "./upstream-stats.ts";

export type Upstream = Readonly<{
  config: UpstreamConfig;
  addresses: readonly Address[];
  balancer: Balancer;
  tally: UpstreamStats;
  methods: ReadonlySet<string>;
  /** Scheme, host and port of the first address. */
  origin: string;
  /** Those of all its addresses. */
  origins: ReadonlySet<string>;
  /** Path of the base URL without a final slash; may be empty. */
  basePath: string;
  /** Whether the browser's header of this lower-case name is forwarded. */
  requestHeaderCrosses: (name: string) => boolean;
}>;

export function createUpstreams(configs: readonly UpstreamConfig[], log: AddressLog): readonly Upstream[] {
  const upstreams = configs.map((config): Upstream => {
    const { origin, pathname } = new URL(config.baseUrls[0] ?? "");
    const addresses = config.baseUrls.map((baseUrl) => createAddress(config, baseUrl, log));
    const tally = createUpstreamStats();
    return {
      config,
      addresses,
      balancer: createBalancer(addresses, config, () => tally.unavailable++),
      tally,
      methods: new Set(config.methods),
      origin,
      origins: new Set(addresses.map((address) => address.origin)),
      basePath: pathname === "/" ? "" : pathname.replace(/\/$/, ""),
      requestHeaderCrosses: requestHeaderFilter(config.requestHeaders, reportRefused(config.prefix, log)),
    };
  });
  return upstreams.toSorted((a, b) => b.config.prefix.length - a.config.prefix.length);
}

/** Browsers choose these names: the log must not grow with them. */
const MAX_REPORTED_NAMES = 20;

/** Names each refused header once, with the key that opens it. */
function reportRefused(upstream: string, log: AddressLog): (name: string) => void {
  const reported = new Set<string>();
  return (name) => {
    if (reported.has(name) || reported.size >= MAX_REPORTED_NAMES || BROWSERS_OWN.has(name)) return;
    reported.add(name);
    log.info("request header not forwarded", {
      upstream,
      reason: `${name.slice(0, 60)} is not forwarded. If the API needs the browser's, name it in the row's requestHeaders`,
    });
  };
}

/** Sent with every request by browsers themselves: no report. */
const BROWSERS_OWN: ReadonlySet<string> = new Set(["origin", "referer"]);

/**
 * The longest prefix that ends at a segment's end. Looked for without regard to case, because upstreams may not
 * regard it (Express, IIS): `/api/Admin` must not slip past the row for `/api/admin` into the one for `/api`.
 * @returns undefined where no row fits, or the row that fits is spelt in another case.
 */
export function findUpstream(upstreams: readonly Upstream[], path: string): Upstream | undefined {
  const lower = path.toLowerCase();
  const upstream = upstreams.find(({ config }) => isBelow(lower, config.prefix));
  return upstream !== undefined && isBelow(path, upstream.config.prefix) ? upstream : undefined;
}

/** @param target raw and inspected by the front guard. @returns the upstream's target, byte for byte but the prefix */
export function upstreamTarget({ config, basePath }: Upstream, target: string): string {
  const path = basePath + target.slice(config.prefix.length);
  return path.charCodeAt(0) === 0x2f ? path : `/${path}`;
}

export async function closeUpstreams(upstreams: readonly Upstream[]): Promise<void> {
  await Promise.all(upstreams.flatMap(({ addresses }) => addresses.map(({ pool }) => pool.destroy())));
}

export function snapshotUpstream({ config, addresses, balancer, tally }: Upstream): UpstreamSnapshot {
  const { retries, ...outcomes } = tally;
  return {
    upstream: config.prefix,
    outcomes,
    retries,
    queued: balancer.queued(),
    addresses: addresses.map(({ origin, pool, breaker, inFlight }) => ({
      address: origin,
      inFlight,
      connections: pool.stats.connected,
      failures: breaker.failures(),
      isCircuitOpen: breaker.retryAfterMs() > 0 && breaker.failures() > 0,
    })),
  };
}
