// Host names: comparison of a Host header with the public origin, and detection of loopback names.

/** `trailing-dot`: the same host to DNS, but another origin to browsers (no cookies, no same-origin requests). */
export type HostMatch = "same" | "trailing-dot" | "other";

export type Host = {
  /** Lower case; an IPv6 address in brackets and in its canonical form. */
  name: string;
  port: number;
};

/**
 * RFC 3986 §3.2.2 and §3.2.3 without userinfo and percent-encoding, which browsers never send in a Host header. A URL
 * parser would also accept credentials, paths and alternative IPv4 notations.
 */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::(\d*))?$/i;
const LOOPBACK_NAME = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
/** 127.0.0.0/8 written in IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED_LOOPBACK = /^\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]$/;

/** @returns the normalized host (RFC 9110 §4.2.3): an absent or empty port is the default port */
export function parseHost(text: string, defaultPort: number): Host | undefined {
  const [, host, port = ""] = HOST.exec(text) ?? [];
  const name = host?.startsWith("[") === true ? canonicalAddress(host) : host?.toLowerCase();
  return name === undefined ? undefined : { name, port: port === "" ? defaultPort : Number(port) };
}

function canonicalAddress(literal: string): string | undefined {
  return URL.canParse(`http://${literal}`) ? new URL(`http://${literal}`).hostname : undefined;
}

/** @param name normalized by `parseHost` or `URL.hostname` */
export function isLoopbackName(name: string): boolean {
  return LOOPBACK_NAME.test(name);
}

/**
 * Whether `name` refers to this machine, including `*.localhost` (RFC 6761 §6.3) and IPv4-mapped addresses. Wider than
 * `isLoopbackName`, which decides where TLS may be omitted: some resolvers do not map `*.localhost` to loopback.
 */
export function isThisMachine(name: string): boolean {
  const withoutDot = name.replace(/\.$/, "");
  return isLoopbackName(withoutDot) || withoutDot.endsWith(".localhost") || MAPPED_LOOPBACK.test(withoutDot);
}

export function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && isLoopbackName(new URL(url).hostname);
}

export function defaultPortOf(publicOrigin: string): number {
  return publicOrigin.startsWith("https:") ? 443 : 80;
}

/** @param publicOrigin in its canonical form, as the setting requires */
export function createHostMatcher(publicOrigin: string): (host: string) => HostMatch {
  const { host: ownHost } = new URL(publicOrigin);
  const defaultPort = defaultPortOf(publicOrigin);
  const own = parseHost(ownHost, defaultPort);
  return function matchHost(host) {
    if (host === ownHost) return "same";
    const asked = parseHost(host, defaultPort);
    if (asked === undefined || asked.port !== own?.port) return "other";
    if (asked.name === own.name) return "same";
    return asked.name === `${own.name}.` ? "trailing-dot" : "other";
  };
}
