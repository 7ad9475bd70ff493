// Maps URLs in an upstream's response headers to what the browser can use. An upstream may have acted on the
// X-Forwarded-* headers that the gateway sent, on some of them, or on none: all three must come out the same.
import { isBelow } from "../lib/paths.ts";

/** What URL mapping needs of an upstream row. */
export type MappedUpstream = {
  config: { prefix: string; token: string };
  /** Scheme, host and port of its first server. */
  origin: string;
  origins: ReadonlySet<string>;
  /** Path of the base URL without a final slash. */
  basePath: string;
};

type Row = Pick<MappedUpstream, "basePath" | "origins"> & { config: { prefix: string } };

/** Where a reference was found: relative ones are relative to what the upstream was asked for. */
export type Asked = { upstream: MappedUpstream; upstreamTarget: string };

export type MappedUrl =
  /** On our origin: a path, or a whole URL where the upstream wrote our own host. */
  | { kind: "ours"; url: string }
  /** On a host behind the gateway, but at no path that a browser can reach. Never to be sent. */
  | { kind: "inner" }
  | { kind: "foreign"; protocol: string }
  | { kind: "invalid" };

export type MapUrl = (reference: string, asked: Asked) => MappedUrl;

/** Names that resolve inside a network only (RFC 6762, RFC 8375, RFC 9476 and what clusters use); and addresses. */
const PRIVATE_NAME = /^[^.]+$|\.(internal|intranet|local|localhost|lan|corp|home|private|svc|arpa)$|^[\d.]+$|^\[/;

export function createUrlMapper(publicOrigin: string, rows: readonly Row[]): MapUrl {
  const ours = new Set(spellings(publicOrigin));
  // Express's req.hostname and its relatives drop the port of X-Forwarded-Host.
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
    const written = escapedBytes(reference);
    const askedUrl = upstream.origin + upstreamTarget;
    if (written === "" || !URL.canParse(written, askedUrl)) return { kind: "invalid" };
    const url = new URL(written, askedUrl);
    if (url.hostname.endsWith(".")) url.hostname = url.hostname.slice(0, -1);
    const elsewhere = (): MappedUrl => {
      const isInner = innerNames.has(url.hostname) || PRIVATE_NAME.test(url.hostname);
      return isInner ? { kind: "inner" } : { kind: "foreign", protocol: url.protocol };
    };
    if (url.protocol !== "http:" && url.protocol !== "https:") return elsewhere();
    const owners = rowsByOrigin.get(url.origin);
    const isOurs = owners === undefined && ours.has(url.origin);
    if (owners === undefined && !isOurs) return elsewhere();
    const isOwn = isOurs || owners?.includes(upstream) === true;
    let path = isOwn ? browserPath(upstream, url.pathname, upstreamTarget) : undefined;
    for (const row of owners ?? []) path ??= pathBelow(row.basePath, row.config.prefix, url.pathname);
    if (isOurs && rows.some(({ config }) => isBelow(url.pathname, config.prefix))) path ??= url.pathname;
    if (path === undefined) return { kind: "inner" };
    return { kind: "ours", url: (isOurs ? publicOrigin : "") + path + url.search + url.hash };
  };
}

/** A URL within a text, up to what separates URLs in lists, quotes and angle brackets. */
const URL_IN_TEXT = /(?:\b(?:https?|wss?):|(?<=^|[<"'=]))\/\/[^\s"'<>,;\\]+/gi;

/**
 * Maps every URL within a header of the API's own, such as Operation-Location or a list in JSON.
 * @returns undefined where one of them names a host behind the gateway
 */
export function mapUrlsIn(text: string, asked: Asked, mapUrl: MapUrl): string | undefined {
  if (!text.includes("//")) return text;
  let isRevealing = false;
  const mapped = text.replace(URL_IN_TEXT, (written) => {
    const found = mapUrl(written, asked);
    isRevealing ||= found.kind === "inner" || found.kind === "invalid";
    return found.kind === "ours" ? found.url : written;
  });
  return isRevealing ? undefined : mapped;
}

/**
 * An upstream names its own path, or the browser's where it acts on X-Forwarded-Prefix or on a root path of its own, or
 * puts our prefix before its own path. Of the three the longest that fits is taken, since it is the least likely to fit
 * by chance.
 */
function browserPath({ basePath, config }: Row, path: string, upstreamTarget: string): string | undefined {
  const { prefix } = config;
  const twice = prefix + prefix;
  // `/api` can be a folder of the upstream's own, too: then the browser asked for `/api/api/…`.
  const isFolderOfItsOwn = isBelow(upstreamTarget, prefix) && !isBelow(basePath, prefix);
  const candidates: [beginning: string, replacement: string][] = isFolderOfItsOwn
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

/** The path with another beginning; undefined where it does not begin so. */
function pathBelow(beginning: string, replacement: string, path: string): string | undefined {
  return isBelow(path, beginning) ? replacement + path.slice(beginning.length) : undefined;
}

/** An origin as frameworks write it that know only half of how the browser came: the scheme may be the other one. */
function spellings(origin: string): string[] {
  const { protocol, hostname, host, port } = new URL(origin);
  const both = [`http://${host}`, `https://${host}`];
  if (port !== "") return both;
  return [...both, protocol === "http:" ? `https://${hostname}:80` : `http://${hostname}:443`];
}

/** Bytes above 0x7F, one character each: URL would take them for characters and encode them twice over. */
function escapedBytes(reference: string): string {
  return reference.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}
