// The upstreams that may be called: found by path, never by anything else in a request.
import type { UpstreamConfig } from "../config.ts";
import { isBelow } from "../paths.ts";
import { createAddress, type Address, type AddressLog } from "./address.ts";
import { createBalancer, type Balancer } from "./balancer.ts";
import { createTally, type Tally } from "./tally.ts";

export type Upstream = Readonly<{
  config: UpstreamConfig;
  addresses: readonly Address[];
  balancer: Balancer;
  tally: Tally;
  methods: ReadonlySet<string>;
  /** Scheme, host and port of the first address. */
  origin: string;
  /** Those of all its addresses. */
  origins: ReadonlySet<string>;
  /** Path of the base URL without a final slash; may be empty. */
  basePath: string;
}>;

export function createUpstreams(configs: readonly UpstreamConfig[], log: AddressLog): readonly Upstream[] {
  const upstreams = configs.map((config): Upstream => {
    const { origin, pathname } = new URL(config.baseUrls[0] ?? "");
    const addresses = config.baseUrls.map((baseUrl) => createAddress(config, baseUrl, log));
    const tally = createTally();
    return {
      config,
      addresses,
      balancer: createBalancer(addresses, config, () => tally.unavailable++),
      tally,
      methods: new Set(config.methods),
      origin,
      origins: new Set(addresses.map((address) => address.origin)),
      basePath: pathname === "/" ? "" : pathname.replace(/\/$/, ""),
    };
  });
  return upstreams.toSorted((a, b) => b.config.prefix.length - a.config.prefix.length);
}

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
