// The first question to every request: is it one that all parsers on its way read alike? Everything that Node's
// parser lets through and we do not want is refused here, before any routing, cookie or upstream.
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
import { routeClass } from "../lib/paths.ts";
import { inspectTarget } from "./request-target.ts";

export const KNOWN_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const knownMethods: ReadonlySet<string> = new Set(KNOWN_METHODS);

/** More is an attack on parsers behind us; browsers send about 20. Bytes are bounded by Node: 16 kB, then 431. */
const MAX_HEADERS = 100;

/**
 * The provider calls this by whatever name it knows us by inside its network. Neither cookie nor host counts there,
 * only the signature on the logout token.
 */
const HOST_FREE_PATH = "/bff/backchannel-logout";

export type Refusal = {
  code: ErrorCode;
  status: number;
  reason: string;
  event?: SecurityEvent;
  explanation?: Explanation;
};

const malformed = (status: number, reason: string): Refusal => ({ code: "request_malformed", status, reason });

const HTTP_VERSION: Refusal = {
  code: "http_version_not_supported",
  status: 505,
  reason: "not HTTP/1.1; a proxy in front must speak it (nginx: proxy_http_version 1.1)",
};
const UNKNOWN_METHOD: Refusal = { code: "method_not_allowed", status: 405, reason: "unknown method" };
const TOO_MANY_HEADERS = malformed(431, "more than 100 header fields");
const HOST_COUNT = malformed(400, "not exactly one Host header");
const EXPECTATION = malformed(417, "an Expect other than 100-continue");
const BODY = malformed(400, "a body on GET or HEAD");
/** A sibling host planted the other one (cookie tossing): which of the two is ours cannot be seen. */
const DUPLICATE_COOKIE: Refusal = {
  ...malformed(400, "one of the gateway's cookies was sent twice"),
  event: "cookie_rejected",
  explanation: "duplicate_cookie",
};
const WRONG_HOST = malformed(421, "Host is not the public origin's");
const TRAILING_DOT = malformed(421, "Host ends with a dot: another origin to the browser");

/** @returns why the request is refused, or undefined */
function inspectRequest(request: IncomingMessage, matchHost: (host: string) => HostMatch): Refusal | undefined {
  const { headers, method = "", url = "" } = request;
  if (request.httpVersionMajor !== 1 || request.httpVersionMinor !== 1) return HTTP_VERSION;
  if (!knownMethods.has(method)) return UNKNOWN_METHOD;
  const target = inspectTarget(url);
  if (target !== "ok") return malformed(target === "target too long" ? 414 : 400, target);
  const hostFault = inspectHostCount(request.rawHeaders);
  if (hostFault !== undefined) return hostFault;
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== "100-continue") return EXPECTATION;
  const isHostFree = rawPath(url) === HOST_FREE_PATH;
  // Ignored there: Java's HttpClient offers h2c on every plain-http request, and nothing of it is forwarded.
  if (headers.upgrade !== undefined && (!isHostFree || handshakeOf(request) !== undefined)) {
    const fault = inspectHandshake(request);
    if (fault !== undefined) return malformed(fault.status, fault.reason);
  }
  // No browser can send one, and parsers disagree on whether it is there (request smuggling).
  if ((method === "GET" || method === "HEAD") && hasBody(request)) return BODY;
  if (duplicateCookieNames(headers.cookie).length > 0) return DUPLICATE_COOKIE;
  return isHostFree ? undefined : HOST_REFUSALS[matchHost(headers.host ?? "")];
}

const HOST_REFUSALS: Readonly<Record<HostMatch, Refusal | undefined>> = {
  same: undefined,
  "trailing-dot": TRAILING_DOT,
  other: WRONG_HOST,
};

/** Node shows the first of several Hosts; the proxy in front may have gone by the last. */
function inspectHostCount(rawHeaders: readonly string[]): Refusal | undefined {
  if (rawHeaders.length > MAX_HEADERS * 2) return TOO_MANY_HEADERS;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  return hosts === 1 ? undefined : HOST_COUNT;
}

/** @throws GatewayError request_malformed | method_not_allowed */
export function requestValidation({ publicOrigin }: { publicOrigin: string }) {
  const matchHost = createHostMatcher(publicOrigin);
  const isLoopback = isLoopbackUrl(publicOrigin);
  const expireDuplicates = createCookieCleanup({ publicOrigin });
  /** A navigation by another name of this host goes to the public origin; programs get the 421. */
  const redirectStatus = (request: IncomingMessage, refusal: Refusal): 307 | 308 | undefined => {
    if (!isNavigation(request) || routeClass(request.url ?? "") === "api") return undefined;
    if (refusal === TRAILING_DOT) return 308;
    // 127.0.0.1 instead of localhost.
    const host = parseHost(request.headers.host ?? "", defaultPortOf(publicOrigin));
    const isLoopbackHost = host !== undefined && isLoopbackName(host.name.replace(/\.$/, ""));
    return refusal === WRONG_HOST && isLoopback && isLoopbackHost ? 307 : undefined;
  };
  return function guardFront(ctx: Context, next: Next): Promise<void> {
    const refusal = inspectRequest(ctx.req, matchHost);
    if (refusal === undefined) {
      // Below /api the forwarder sends 100 Continue, once an upstream takes the body.
      if (ctx.req.headers.expect !== undefined && routeClass(ctx.req.url ?? "") !== "api") ctx.res.writeContinue();
      return next();
    }
    const redirect = redirectStatus(ctx.req, refusal);
    if (redirect !== undefined) {
      // Safe because the target is known to start with exactly one slash: it cannot name another host.
      ctx.body = null;
      ctx.status = redirect;
      ctx.res.setHeader("Location", publicOrigin + ctx.req.url);
      return Promise.resolve();
    }
    const { code, status, reason, event, explanation } = refusal;
    if (refusal === DUPLICATE_COOKIE) {
      const names = duplicateCookieNames(ctx.req.headers.cookie);
      ctx.res.setHeader("Set-Cookie", expireDuplicates(names, rawPath(ctx.req.url ?? "")));
    }
    if (event !== undefined) requestState(ctx).securityEvent = event;
    throw new GatewayError(code, {
      status,
      reason,
      ...(explanation === undefined ? {} : { explanation }),
      ...(status === 405 ? { allow: KNOWN_METHODS } : {}),
    });
  };
}
