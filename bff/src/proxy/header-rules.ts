// Which header names do not cross, each with its reason. Everything else does: APIs have headers of their own.

/** Names that may never pass, as `name: reason`. */
export type HeaderRules = Readonly<Record<string, string>>;

const HOP_BY_HOP: HeaderRules = {
  connection: "hop-by-hop (RFC 9110 §7.6.1)",
  "keep-alive": "hop-by-hop",
  "proxy-connection": "hop-by-hop, never standard",
  te: "hop-by-hop; trailers are not forwarded",
  trailer: "trailers are not forwarded: one named Authorization would be merged by some servers",
  "transfer-encoding": "framing is ours on each side (request smuggling)",
  upgrade: "hop-by-hop; a generic upgrade turns the connection into a tunnel (CVE-2026-73548)",
  "http2-settings": "hop-by-hop",
};

/** From the browser to the upstream. */
export const REQUEST_RULES: HeaderRules = {
  ...HOP_BY_HOP,
  host: "the upstream's own name, set by the connection",
  "content-length": "framing: sent anew by us",
  expect: "answered here; whether to continue is settled before the upstream is asked",
  cookie: "the session id is for the gateway only (I1)",
  cookie2: "as cookie",
  authorization: "the bearer is ours to add; one from the browser would be believed in its place",
  "x-csrf": "checked here",
  origin: "checked here; upstreams would apply cross-origin rules to an origin they do not know",
  referer: "the page's address, with whatever is in its query, is none of the API's business",
  forwarded: "says who is asking: only we may (RFC 7239)",
  "x-request-id": "ours is sent: the browser's could forge or join log lines",
  "x-real-ip": "says who is asking: only we may",
  "x-client-ip": "as x-real-ip",
  "x-cluster-client-ip": "as x-real-ip",
  "true-client-ip": "as x-real-ip",
  "cf-connecting-ip": "as x-real-ip",
  "fastly-client-ip": "as x-real-ip",
  "fly-client-ip": "as x-real-ip",
  "x-original-forwarded-for": "as x-real-ip",
  "x-host": "names another host than the one asked",
  "x-original-host": "as x-host",
  "x-http-host-override": "as x-host",
  "x-original-url": "names another path than the one asked (IIS, Symfony)",
  "x-original-uri": "as x-original-url",
  "x-rewrite-url": "as x-original-url",
  "x-http-method-override": "names another method than the one allowed",
  "x-http-method": "as x-http-method-override",
  "x-method-override": "as x-http-method-override",
  "x-middleware-subrequest": "skips middleware, the authorising one too (CVE-2025-29927)",
  "remote-user": "an identity that some upstreams believe",
  "x-remote-user": "as remote-user",
  "x-webauth-user": "as remote-user",
  "x-user": "as remote-user",
  "x-authenticated-user": "as remote-user",
  "client-cert": "as remote-user (RFC 9440)",
  "client-cert-chain": "as remote-user",
  "x-client-cert": "as remote-user",
};

/** Families of such names. */
export const REQUEST_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ["proxy-", "credentials and hints for a proxy, that is, for us (httpoxy)"],
  ["sec-", "the browser about itself and us: decided on here"],
  ["x-forwarded-", "says who is asking, and how: built here from what we know"],
  ["x-auth-request-", "an identity that some upstreams believe"],
  ["x-goog-", "as x-auth-request-"],
  ["x-amzn-oidc-", "as x-auth-request-"],
  ["x-ms-client-principal", "as x-auth-request-"],
  ["x-ssl-client-", "as x-auth-request-"],
  ["ssl-client-", "as x-auth-request-"],
  ["x-envoy-", "instructions for a proxy behind us"],
];

/** From the upstream to the browser. */
export const RESPONSE_RULES: HeaderRules = {
  ...HOP_BY_HOP,
  "set-cookie": "an upstream could overwrite our cookies or plant its own on our origin",
  "set-cookie2": "as set-cookie",
  "content-security-policy": "the origin's policy is ours",
  "content-security-policy-report-only": "as content-security-policy",
  "strict-transport-security": "the origin's policy is ours",
  "public-key-pins": "could lock browsers out of the whole origin",
  "public-key-pins-report-only": "as public-key-pins",
  "expect-ct": "as public-key-pins",
  "clear-site-data": "would log the user out",
  "x-content-type-options": "ours is sent",
  "x-frame-options": "ours is sent",
  "x-xss-protection": "switches on a filter with holes of its own",
  "referrer-policy": "ours is sent",
  "permissions-policy": "ours is sent",
  "feature-policy": "as permissions-policy",
  "document-policy": "the origin's policy is ours",
  "cross-origin-opener-policy": "ours is sent",
  "cross-origin-embedder-policy": "the origin's policy is ours",
  "cross-origin-resource-policy": "ours is sent",
  "origin-agent-cluster": "ours is sent",
  "origin-trial": "switches features of the whole origin",
  "service-worker-allowed": "would let a script from /api rule every page",
  "timing-allow-origin": "opens timings to other origins",
  "alt-svc": "sends browsers to another host",
  refresh: "a redirect that no allow-list sees",
  "report-to": "sends reports, with URLs in them, to another host",
  "reporting-endpoints": "as report-to",
  nel: "as report-to",
  "accept-ch": "changes what browsers send to the whole origin",
  "critical-ch": "as accept-ch",
  "set-login": "changes the browser's login status for the origin",
  "activate-storage-access": "opens storage to framing sites",
  "speculation-rules": "makes browsers fetch pages ahead",
  sourcemap: "points tools at another address",
  "x-sourcemap": "as sourcemap",
  server: "what runs behind us is nobody's business (ASVS 13.4.6)",
  "x-powered-by": "as server",
  "x-aspnet-version": "as server",
  "x-aspnetmvc-version": "as server",
  via: "as server",
  "x-request-id": "ours is sent",
  "x-sendfile": "makes a proxy in front of us read files",
  expires: "Cache-Control is always sent and wins",
  pragma: "as expires",
  "proxy-authenticate": "asks for credentials of a proxy, that is, ours",
};

export const RESPONSE_PREFIXES: readonly (readonly [prefix: string, reason: string])[] = [
  ["access-control-", "there is no cross-origin access (CORS)"],
  ["proxy-", "for a proxy"],
  ["sec-", "part of a handshake that was not made"],
  ["x-accel-", "makes nginx in front of us read files or cache"],
  ["surrogate-", "lets shared caches keep what belongs to one user"],
  ["cdn-cache-control", "as surrogate-"],
  ["cloudflare-cdn-cache-control", "as surrogate-"],
];

/**
 * @returns a test for names that do not cross. Underscores never do: CGI-like upstreams read `X_Forwarded_User` as
 * `X-Forwarded-User` (CVE-2025-64484).
 */
export function forbiddenNames(
  rules: HeaderRules,
  prefixes: readonly (readonly [prefix: string, reason: string])[],
): (lowerCaseName: string) => boolean {
  const names: ReadonlySet<string> = new Set(Object.keys(rules));
  return (name) => names.has(name) || name.includes("_") || prefixes.some(([prefix]) => name.startsWith(prefix));
}
