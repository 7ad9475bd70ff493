// URL mapping (reverse mapping): rewrites URLs in response headers to the public origin. The result is the same whether the
// upstream honours all, some or none of the X-Forwarded-* headers.
import { isBelow } from "../lib/paths.ts";

/** The properties of an upstream that URL mapping uses. */
export type MappedUpstream = {
  config: { prefix: string; access: string };
  /** Scheme, host and port of the first server. */
  origin: string;
  origins: ReadonlySet<string>;
  /** Path of the base URL without a final slash. */
  basePath: string;
};

type Row = Pick<MappedUpstream, "basePath" | "origins"> & { config: { prefix: string } };

/** The request whose response contains a reference; relative references are resolved against its target. */
export type RequestContext = { upstream: MappedUpstream; upstreamTarget: string };

export type MappedUrl =
  /** On the public origin: a path, or a full URL if the upstream used the public host. */
  | { kind: "ours"; url: string }
  /** On an internal host, at a path that no upstream row exposes. Must not be forwarded. */
  | { kind: "inner" }
  | { kind: "foreign"; protocol: string }
  | { kind: "invalid" };

export type MapUrl = (reference: string, context: RequestContext) => MappedUrl;

/** Internal host names (RFC 6762, RFC 8375, RFC 9476, cluster domains) and IP addresses. */
const PRIVATE_NAME = /^[^.]+$|\.(internal|intranet|local|localhost|lan|corp|home|private|svc|arpa)$|^[\d.]+$|^\[/;

export function createUrlMapper(publicOrigin: string, rows: readonly Row[]): MapUrl {
  const ours = new Set(spellings(publicOrigin));
  // Frameworks such as Express (req.hostname) drop the port of X-Forwarded-Host.
  const { hostname: ourName } = new URL(publicOrigin);
  for (const scheme of ["http", "https"]) ours.add(`${scheme}://${ourName}`);
  const rowsByOrigin = new Map<string, Row[]>();
  const innerNames = new Set<string>();
  for (const row of rows)
    for (const origin of row.origins) {
      innerNames.add(new URL(origin).hostname);
      for (const spelling of spellings(origin))
        rowsByOrigin.set(spelling, [...(rowsByOrigin.get(spelling) ?? []), row]);
    }

  return function mapUrl(reference, { upstream, upstreamTarget }) {
    const written = escapeNonAscii(reference);
    const requestUrl = upstream.origin + upstreamTarget;
    if (written === "" || !URL.canParse(written, requestUrl)) return { kind: "invalid" };
    const url = new URL(written, requestUrl);
    if (url.hostname.endsWith(".")) url.hostname = url.hostname.slice(0, -1);
    const classifyForeign = (): MappedUrl => {
      const isInner = innerNames.has(url.hostname) || PRIVATE_NAME.test(url.hostname);
      return isInner ? { kind: "inner" } : { kind: "foreign", protocol: url.protocol };
    };
    if (url.protocol !== "http:" && url.protocol !== "https:") return classifyForeign();
    const owners = rowsByOrigin.get(url.origin);
    const isOurs = owners === undefined && ours.has(url.origin);
    if (owners === undefined && !isOurs) return classifyForeign();
    const isOwn = isOurs || owners?.includes(upstream) === true;
    let path = isOwn ? browserPath(upstream, url.pathname, upstreamTarget) : undefined;
    for (const row of owners ?? []) path ??= pathBelow(row.basePath, beginningOf(row), url.pathname);
    if (isOurs && rows.some(({ config }) => isBelow(url.pathname, config.prefix))) path ??= url.pathname;
    if (path === undefined) return { kind: "inner" };
    return { kind: "ours", url: (isOurs ? publicOrigin : "") + path + url.search + url.hash };
  };
}

/** A URL within a text, ending at list separators, quotes and angle brackets. */
const URL_IN_TEXT = /(?:\b(?:https?|wss?):|(?<=^|[<"'=]))\/\/[^\s"'<>,;\\]+/gi;

/**
 * Maps all URLs in the value of an arbitrary header, such as Operation-Location or a JSON list.
 * @returns undefined if one of them names an internal host
 */
export function mapUrlsIn(text: string, context: RequestContext, mapUrl: MapUrl): string | undefined {
  if (!text.includes("//")) return text;
  let isRevealing = false;
  const mapped = text.replace(URL_IN_TEXT, (written) => {
    const found = mapUrl(written, context);
    isRevealing ||= found.kind === "inner" || found.kind === "invalid";
    return found.kind === "ours" ? found.url : written;
  });
  return isRevealing ? undefined : mapped;
}

/**
 * Maps a path of the upstream to the browser's path. Upstreams return their own path, the browser's path (if they honour
 * X-Forwarded-Prefix or have a configured root path), or the prefix followed by their own path. The longest match wins, as
 * it is the least likely to be a coincidence.
 */
function browserPath(row: Row, path: string, upstreamTarget: string): string | undefined {
  const { basePath } = row;
  const prefix = beginningOf(row);
  const twice = prefix + prefix;
  // The upstream may itself have a folder `/api`: the browser then requested `/api/api/…`.
  const hasOwnPrefixFolder = isBelow(upstreamTarget, prefix) && !isBelow(basePath, prefix);
  const candidates: [beginning: string, replacement: string][] = hasOwnPrefixFolder
    ? [[twice, twice]]
    : [
        [prefix + basePath, prefix],
        [prefix, prefix],
      ];
  candidates.push([basePath, prefix]);
  for (const [beginning, replacement] of candidates.toSorted(([a], [b]) => b.length - a.length)) {
    const mapped = pathBelow(beginning, replacement, path);
    if (mapped !== undefined) return mapped;
  }
  return undefined;
}

/** Empty for the row `/`. */
function beginningOf({ config }: Row): string {
  return config.prefix === "/" ? "" : config.prefix;
}

/** Replaces the beginning of a path; undefined if the path is not below it. */
function pathBelow(beginning: string, replacement: string, path: string): string | undefined {
  return isBelow(path, beginning) ? replacement + path.slice(beginning.length) : undefined;
}

/** Spellings of an origin, including those with the wrong scheme by frameworks that ignore X-Forwarded-Proto. */
function spellings(origin: string): string[] {
  const { protocol, hostname, host, port } = new URL(origin);
  const both = [`http://${host}`, `https://${host}`];
  if (port !== "") return both;
  return [...both, protocol === "http:" ? `https://${hostname}:80` : `http://${hostname}:443`];
}

/** Percent-encodes bytes above 0x7F (latin1 characters); URL would encode each as two UTF-8 bytes. */
function escapeNonAscii(reference: string): string {
  return reference.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}
