// Selects the application of a request by its Host header. Ports are ignored, because cookies ignore them: the application
// itself compares its whole origin (request-validation.ts).
import { parseHost } from "../lib/host.ts";

/** Each host name occurs once. */
export function createHostTable<T>(entries: readonly (readonly [publicOrigin: string, value: T])[]) {
  /** The Host header as browsers send it, so that ordinary requests need no parsing. */
  const byHeader = new Map(entries.map(([origin, value]) => [new URL(origin).host, value]));
  const byName = new Map(entries.map(([origin, value]) => [new URL(origin).hostname, value]));
  /** @returns undefined for an unknown host; with a trailing dot, the application that redirects to its own name */
  return function findByHost(header: string): T | undefined {
    const found = byHeader.get(header);
    if (found !== undefined) return found;
    const host = parseHost(header, 0);
    return host === undefined ? undefined : byName.get(host.name.replace(/\.$/, ""));
  };
}
