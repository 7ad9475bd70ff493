// Request validation: rejects requests that parsers could read differently (request smuggling, host confusion), before
// routing, cookies and upstreams.
import type { IncomingMessage } from "node:http";
import type { Context, Next } from "koa";
import { GatewayError, type ErrorCode, type Explanation } from "../errors.ts";
import {
  createHostMatcher,
  defaultPortOf,
  isLoopbackName,
  isLoopbackUrl,
  parseHost,
  type HostMatch,
} from "../lib/host.ts";
import type { SecurityEvent } from "../logging/log.ts";
import { duplicateCookieNames } from "../session/cookies.ts";
import { createCookieCleanup } from "./cookie-cleanup.ts";
import { isNavigation } from "./fetch-metadata.ts";
import { handshakeOf, inspectHandshake } from "./websocket-handshake.ts";
import { hasBody, rawPath, requestState } from "./request-state.ts";
import { inspectTarget, type TargetRules } from "./request-target.ts";
import type { Route, RouteTable } from "./route-table.ts";

const KNOWN_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const knownMethods: ReadonlySet<string> = new Set(KNOWN_METHODS);

/** Browsers send about 20. Node limits the total size to 16 kB (431). */
const MAX_HEADERS = 100;

/**
 * The provider calls it by any host name that is valid in its network. It is authenticated by the signature of the logout
 * token, not by cookies.
 */
const HOST_FREE_PATH = "/bff/backchannel-logout";

export type Rejection = {
  code: ErrorCode;
  status: number;
  reason: string;
  event?: SecurityEvent;
  explanation?: Explanation;
};

const malformed = (status: number, reason: string): Rejection => ({ code: "request_malformed", status, reason });

const HTTP_VERSION: Rejection = {
  code: "http_version_not_supported",
  status: 505,
  reason: "not HTTP/1.1; a proxy in front must speak it (nginx: proxy_http_version 1.1)",
};
const UNKNOWN_METHOD: Rejection = { code: "method_not_allowed", status: 405, reason: "unknown method" };
const TOO_MANY_HEADERS = malformed(431, "more than 100 header fields");
const HOST_COUNT = malformed(400, "not exactly one Host header");
const EXPECTATION = malformed(417, "an Expect other than 100-continue");
const BODY = malformed(400, "a body on GET or HEAD");
/** Cookie tossing: a sibling host planted one of them, and the header does not show which. */
const DUPLICATE_COOKIE: Rejection = {
  ...malformed(400, "one of the gateway's cookies was sent twice"),
  event: "cookie_rejected",
  explanation: "duplicate_cookie",
};
const WRONG_HOST = malformed(421, "Host is not the public origin's");
const TRAILING_DOT = malformed(421, "Host ends with a dot: another origin to the browser");

type InspectionOptions = { route: Route; rules: TargetRules; matchHost: (host: string) => HostMatch };

/** @returns undefined if the request is valid */
function inspectRequest(
  request: IncomingMessage,
  { route, rules, matchHost }: InspectionOptions,
): Rejection | undefined {
  const { headers, method = "", url = "" } = request;
  if (request.httpVersionMajor !== 1 || request.httpVersionMinor !== 1) return HTTP_VERSION;
  if (!knownMethods.has(method)) return UNKNOWN_METHOD;
  const target = inspectTarget(url, rules);
  if (target !== "ok") return malformed(target === "target too long" ? 414 : 400, target);
  const hostError = inspectHostCount(request.rawHeaders);
  if (hostError !== undefined) return hostError;
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== "100-continue") return EXPECTATION;
  const isHostFree = rawPath(url) === HOST_FREE_PATH;
  // Ignored for back-channel logout: Java's HttpClient offers h2c on every plain-http request.
  if (headers.upgrade !== undefined && (!isHostFree || handshakeOf(request) !== undefined)) {
    const error = inspectHandshake(request, route.kind);
    if (error !== undefined) return malformed(error.status, error.reason);
  }
  // Browsers cannot send one, and parsers disagree on whether it exists (request smuggling).
  if ((method === "GET" || method === "HEAD") && hasBody(request)) return BODY;
  if (duplicateCookieNames(headers.cookie).length > 0) return DUPLICATE_COOKIE;
  return isHostFree ? undefined : HOST_REJECTIONS[matchHost(headers.host ?? "")];
}

/** The row must be the same with escaped slashes and with plain ones, since the upstream may decode them. */
function targetRules(routes: RouteTable): TargetRules {
  return {
    isStrict: routes.isStrict,
    allowsEscapedSlashes(target) {
      const { row } = routes.find(target);
      return row?.encodedSlashes === true && routes.find(rawPath(target).replaceAll(/%2f/gi, "/")).row === row;
    },
  };
}

const HOST_REJECTIONS: Readonly<Record<HostMatch, Rejection | undefined>> = {
  same: undefined,
  "trailing-dot": TRAILING_DOT,
  other: WRONG_HOST,
};

/** Node uses the first of several Host headers; a proxy in front may have used the last. */
function inspectHostCount(rawHeaders: readonly string[]): Rejection | undefined {
  if (rawHeaders.length > MAX_HEADERS * 2) return TOO_MANY_HEADERS;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  return hosts === 1 ? undefined : HOST_COUNT;
}

type ValidationOptions = { publicOrigin: string; routes: RouteTable };

/** The rules of an application for all requests, whether they arrive here or a forward-auth call describes them. */
export function createInspection({ publicOrigin, routes }: ValidationOptions) {
  const rules = targetRules(routes);
  const matchHost = createHostMatcher(publicOrigin);
  const expireDuplicates = createCookieCleanup({ publicOrigin });
  return {
    /** @returns undefined if the request is valid */
    inspect: (request: IncomingMessage, route: Route) => inspectRequest(request, { route, rules, matchHost }),
    /** @returns `Set-Cookie` lines that remove the cookies which caused the rejection */
    cookiesAfter({ headers, url = "" }: IncomingMessage, rejection: Rejection): string[] {
      if (rejection !== DUPLICATE_COOKIE) return [];
      return expireDuplicates(duplicateCookieNames(headers.cookie), rawPath(url));
    },
  };
}

export function rejectionError({ code, status, reason, explanation }: Rejection): GatewayError {
  return new GatewayError(code, {
    status,
    reason,
    ...(explanation === undefined ? {} : { explanation }),
    ...(status === 405 ? { allow: KNOWN_METHODS } : {}),
  });
}

/** @throws GatewayError request_malformed | method_not_allowed */
export function requestValidation({ publicOrigin, routes }: ValidationOptions) {
  const { inspect, cookiesAfter } = createInspection({ publicOrigin, routes });
  const isLoopback = isLoopbackUrl(publicOrigin);
  /** Navigations by another name of this host are redirected to the public origin; other requests get the 421. */
  const redirectStatus = (
    request: IncomingMessage,
    { kind, row }: Route,
    rejection: Rejection,
  ): 307 | 308 | undefined => {
    if (!isNavigation(request) || (kind === "upstream" && row?.csrf !== "same-origin")) return undefined;
    if (rejection === TRAILING_DOT) return 308;
    // 127.0.0.1 instead of localhost.
    const host = parseHost(request.headers.host ?? "", defaultPortOf(publicOrigin));
    const isLoopbackHost = host !== undefined && isLoopbackName(host.name.replace(/\.$/, ""));
    return rejection === WRONG_HOST && isLoopback && isLoopbackHost ? 307 : undefined;
  };
  return function validateRequest(ctx: Context, next: Next): Promise<void> {
    const { route } = requestState(ctx);
    const rejection = inspect(ctx.req, route);
    if (rejection === undefined) {
      // For upstreams the proxy sends 100 Continue once a connection to the upstream is available.
      if (ctx.req.headers.expect !== undefined && route.kind !== "upstream") ctx.res.writeContinue();
      return next();
    }
    const redirect = redirectStatus(ctx.req, route, rejection);
    if (redirect !== undefined) {
      // No open redirect: a valid target starts with exactly one slash.
      ctx.body = null;
      ctx.status = redirect;
      ctx.res.setHeader("Location", publicOrigin + ctx.req.url);
      return Promise.resolve();
    }
    const setCookies = cookiesAfter(ctx.req, rejection);
    if (setCookies.length > 0) ctx.res.setHeader("Set-Cookie", setCookies);
    if (rejection.event !== undefined) requestState(ctx).securityEvent = rejection.event;
    throw rejectionError(rejection);
  };
}
