// Rules about the addresses of an upstream row, and about the keys that depend on their scheme.
import type { UpstreamRow } from "./upstream-row.ts";

type KeyError = readonly [key: string, message: string];

export function addressErrors(baseUrls: readonly string[]): KeyError[] {
  const faults: KeyError[] = [];
  const first = baseUrls[0] === undefined ? undefined : new URL(baseUrls[0]);
  const seen = new Set<string>();
  for (const baseUrl of baseUrls) {
    const { origin, pathname, protocol } = new URL(baseUrl);
    if (seen.has(origin)) faults.push(["baseUrl", `has ${origin} twice. Keep it once`]);
    seen.add(origin);
    if (first !== undefined && (protocol !== first.protocol || pathname !== first.pathname))
      faults.push(["baseUrl", "lists addresses with different schemes or paths. Only host and port may differ"]);
  }
  return faults;
}

export function transportErrors(row: UpstreamRow): KeyError[] {
  const isPlain = row.baseUrl.some((baseUrl) => baseUrl.startsWith("http:"));
  if (!isPlain) return [];
  return (["caFile", "certFile", "keyFile", "serverName"] as const)
    .filter((key) => row[key] !== undefined)
    .map((key) => [key, "is for https, but baseUrl begins with http. Correct baseUrl, or remove it"]);
}
