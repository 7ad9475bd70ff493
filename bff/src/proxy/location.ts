// Where an upstream's `Location` may point to, as the browser sees it.
import type { Upstream } from "./upstreams.ts";

type Asked = { upstream: Upstream; status: number; upstreamTarget: string };

/**
 * Below the upstream's base URL: the same place below our prefix. Elsewhere: undefined for a redirect, which a browser
 * would follow by itself to a host on no list (ASVS 3.7.2), and for the upstream's other paths, which nobody can reach
 * through us. A foreign address on a 201 or 202 is only information, and passes.
 */
export function browserLocation(location: string, { upstream, status, upstreamTarget }: Asked): string | undefined {
  const asked = upstream.origin + upstreamTarget;
  if (!URL.canParse(location, asked)) return undefined;
  const { origin, protocol, pathname, search, hash } = new URL(location, asked);
  if (!upstream.origins.has(origin)) {
    const isRedirect = status >= 300 && status < 400;
    return isRedirect || (protocol !== "https:" && protocol !== "http:") ? undefined : location;
  }
  const { basePath, config } = upstream;
  if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) return undefined;
  return config.prefix + pathname.slice(basePath.length) + search + hash;
}
