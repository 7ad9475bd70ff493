// The upstreams that may be called: one connection pool each, found by path, never by anything else in a request.
import { Pool } from "undici";
import type { UpstreamConfig } from "../config.ts";

export type Upstream = Readonly<{
  config: UpstreamConfig;
  pool: Pool;
  methods: ReadonlySet<string>;
  /** Scheme, host and port. */
  origin: string;
  /** Path of the base URL without a final slash; may be empty. */
  basePath: string;
}>;

/** Larger answer heads are an upstream's mistake: 502. */
const MAX_HEADER_BYTES = 32_768;
/** Shorter than the 5 s after which Node, uvicorn and others close an idle connection under us. */
const KEEP_ALIVE_MS = 4_000;

/** A pool knows one origin: whatever a target says, the bearer cannot leave for another host. */
export function createUpstreams(configs: readonly UpstreamConfig[]): readonly Upstream[] {
  const upstreams = configs.map((config): Upstream => {
    const { origin, pathname } = new URL(config.baseUrl);
    const pool = new Pool(origin, {
      connect: { timeout: config.connectTimeoutMs },
      headersTimeout: config.headersTimeoutMs,
      bodyTimeout: config.bodyIdleTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // One answer at a time on a connection: a confused upstream can only confuse itself.
      pipelining: 1,
      allowH2: false,
    });
    const basePath = pathname === "/" ? "" : pathname.replace(/\/$/, "");
    return { config, pool, methods: new Set(config.methods), origin, basePath };
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
  for (const upstream of upstreams) {
    const { prefix } = upstream.config;
    if (!lower.startsWith(prefix)) continue;
    if (path.length > prefix.length && path.charCodeAt(prefix.length) !== 0x2f) continue;
    return path.startsWith(prefix) ? upstream : undefined;
  }
  return undefined;
}

/** @param target raw and inspected by the front guard. @returns the upstream's target, byte for byte but the prefix */
export function upstreamTarget({ config, basePath }: Upstream, target: string): string {
  const path = basePath + target.slice(config.prefix.length);
  return path.charCodeAt(0) === 0x2f ? path : `/${path}`;
}

export async function closeUpstreams(upstreams: readonly Upstream[]): Promise<void> {
  await Promise.all(upstreams.map(({ pool }) => pool.destroy()));
}
