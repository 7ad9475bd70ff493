// Responses of the forward-auth listener. An allow sets every header that the upstream may trust, empty if it has no value,
// so that no copy of the browser survives (GHSA-7r4p-vjf4-gxv4). A denial has the status that the browser receives.
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { ForwardAuthProxy } from "../../config/forward-auth-settings.ts";
import type { GatewayError } from "../../errors.ts";
import { challengesOf, problemOf } from "../../http/error-response.ts";
import { navigationMarkerLine, type Marker } from "../../http/page-navigation.ts";
import type { PageLanguages } from "../../http/languages.ts";
import type { Pages } from "../../http/pages.ts";
import { isNavigation } from "../../http/fetch-metadata.ts";
import { rawPath } from "../../http/request-state.ts";

/** Longer ones are not passed to the login: the response head must fit into the 4 kB that nginx accepts by default. */
const MAX_RETURN_PATH_CHARS = 2_000;
/** The refresh page of nginx is a header as well, in which `&` takes five bytes, twice. */
const MAX_LINKED_TARGET_CHARS = 2_000;

/**
 * @param headers see allow-headers.ts
 * @param rateLimit RateLimit headers for the browser's response
 */
export function sendAllow(
  response: ServerResponse,
  headers: readonly string[],
  rateLimit: readonly string[] = [],
): void {
  // Envoy accepts no other 2xx than 200.
  response.writeHead(200, [...headers, ...rateLimit, "Cache-Control", "no-store", "Content-Length", "0"]);
  response.end();
}

export type Denial = {
  proxy: ForwardAuthProxy;
  /** The described request; undefined if the call describes none. */
  request: IncomingMessage | undefined;
  error: GatewayError;
  requestId: string;
  publicOrigin: string;
  /** Headers of every problem response; see http/security-headers.ts. */
  securityHeaders: readonly string[];
  /** RateLimit headers, as a flat list. */
  rateLimit: readonly string[] | undefined;
  /** Whether a login may lead back to this path. */
  isPage: (path: string) => boolean;
  /** False right after a login that has not helped. */
  mayLogIn: boolean;
};

/** @returns the status that the browser receives */
export function sendDenial(response: ServerResponse, denial: Denial): number {
  const { proxy, request, error, requestId, securityHeaders } = denial;
  const location =
    denial.mayLogIn && error.loginUrl !== undefined && request !== undefined && isNavigation(request)
      ? loginLocation(request, denial)
      : undefined;
  const status = location === undefined ? error.status : 303;
  const body = JSON.stringify(problemOf(error, requestId));
  const head = [...securityHeaders, "Cache-Control", "no-store", "X-Request-Id", requestId];
  if (location !== undefined) head.push("Location", location);
  else head.push("Content-Type", "application/problem+json; charset=utf-8");
  for (const challenge of challengesOf(error)) if (status !== 303) head.push("WWW-Authenticate", challenge);
  if (denial.rateLimit !== undefined) head.push(...denial.rateLimit);
  if (error.retryAfterSeconds !== undefined) head.push("Retry-After", String(error.retryAfterSeconds));
  if (error.allow !== undefined) head.push("Allow", error.allow.join(", "));
  // RFC 6455 §4.4
  if (status === 426) head.push("Sec-WebSocket-Version", "13");
  // auth_request passes no body on: error_page sends this one.
  if (proxy === "nginx") head.push("X-Auth-Status", String(status), "X-Auth-Body", location === undefined ? body : "");
  const sentBody = location === undefined ? body : "";
  head.push("Content-Length", String(Buffer.byteLength(sentBody)));
  response.writeHead(proxy === "nginx" ? nginxStatus(status) : status, STATUS_CODES[status] ?? "", head);
  response.end(sentBody);
  return status;
}

/**
 * auth_request passes on 401 and 403 and makes a 500 of everything else. Without the documented error_page a login then
 * stays a 401, a rejection a 403, and an outage a 500, which ends no session (I5).
 */
function nginxStatus(status: number): number {
  if (status >= 500) return status;
  return status === 401 || status === 303 ? 401 : 403;
}

/** An absolute URL: Traefik resolves a relative one against the address of this listener. */
function loginLocation({ url = "" }: IncomingMessage, { error, publicOrigin, isPage }: Denial): string {
  const login = `${publicOrigin}${error.loginUrl ?? "/bff/login"}`;
  if (url.length > MAX_RETURN_PATH_CHARS || !isPage(rawPath(url))) return login;
  return `${login}${login.includes("?") ? "&" : "?"}returnTo=${encodeURIComponent(url)}`;
}

export type Refresh = {
  proxy: ForwardAuthProxy;
  target: string;
  marker: Marker;
  requestId: string;
  /** See http/refresh-page.ts. */
  pageHeaders: readonly string[];
  pages: Pick<Pages, "refresh">;
  wanted: PageLanguages;
};

/** Sends the refresh page with a status that no proxy takes for an allow; browsers show it all the same. */
export function sendRefresh(
  response: ServerResponse,
  { proxy, target, marker, requestId, pageHeaders, pages, wanted }: Refresh,
): void {
  // The page's script reads the address itself; an empty link leads to the page's own address.
  const { html, headers } = pages.refresh(wanted, target.length > MAX_LINKED_TARGET_CHARS ? "" : target);
  const body = inAscii(html.replaceAll("\n", ""));
  const head = [...pageHeaders, ...headers, "Cache-Control", "no-store"];
  head.push("X-Request-Id", requestId, "Set-Cookie", navigationMarkerLine(target, marker));
  if (proxy === "nginx") head.push("X-Auth-Status", "401", "X-Auth-Body", body);
  response.writeHead(401, [...head, "Content-Length", String(Buffer.byteLength(body))]);
  response.end(body);
}

/** HTML without characters that a header cannot hold. */
function inAscii(html: string): string {
  return html.replaceAll(/[^ -~]/gu, (character) => `&#${character.codePointAt(0)};`);
}
