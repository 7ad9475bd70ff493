// Rejections of requests of the host's own routes: the response that the gateway would send for an upstream row with the same
// requirements, as a value (RFC 9457 problem, page, or redirect).
import type { IncomingMessage } from "node:http";
import type { Config } from "../config/config.ts";
import type { GatewayError } from "../errors.ts";
import { isUploading } from "../http/early-response.ts";
import { challengesOf, problemOf } from "../http/error-response.ts";
import { wantsPage } from "../http/fetch-metadata.ts";
import { markerOfRefresh, navigationMarkerLine, type InspectedNavigation } from "../http/page-navigation.ts";
import type { Page, Pages } from "../http/pages.ts";
import { refreshPageHeaders } from "../http/refresh-page.ts";
import type { RequestState } from "../http/request-state.ts";
import { pageHeaders, securityHeaderList, type HostPolicy } from "../http/security-headers.ts";
import type { Rejection } from "./types.ts";

/** A longer target is not returned to after the login: see auth/return-path.ts. */
const MAX_RETURN_PATH_CHARS = 2_000;

type RejectionDependencies = { config: Pick<Config, "publicOrigin" | "transportSecurity">; pages: Pages };

type Rejected = {
  request: IncomingMessage;
  state: RequestState;
  error: GatewayError;
  /** Undefined unless it is a navigation to a page of the host. */
  navigation?: InspectedNavigation | undefined;
  setCookies?: readonly string[];
};

export function createRejections({ config, pages }: RejectionDependencies) {
  const forProblems = [...securityHeaderList(config), "Content-Type", "application/problem+json; charset=utf-8"];
  const forPages = pageHeaders(config, pages.sources("error"));
  const forRedirects = securityHeaderList(config);
  const forRefresh = refreshPageHeaders(config);

  const pageOf = ({ request, state, error }: Rejected): Page | undefined => {
    if (state.route.row?.csrf !== "same-origin" || !wantsPage(request)) return undefined;
    const { code, explanation, status } = error;
    const target = request.method === "GET" ? request.url : undefined;
    const shown = { code, explanation, requestId: state.requestId, returnPath: returnPathOf(request), target };
    return pages.error(languagesOf(request), { ...shown, isRendered: true, status });
  };
  const login = ({ request, state, error }: Rejected): Rejection => {
    const url = new URL(error.loginUrl ?? "/bff/login", config.publicOrigin);
    url.searchParams.set("returnTo", returnPathOf(request));
    const list = [...forRedirects, "X-Request-Id", state.requestId, "Location", url.href];
    return { kind: "navigation", status: 303, code: error.code, headers: headersOf(list), body: "" };
  };
  return {
    /** A navigation without a session goes to the login, at most once in a row (no login loop). */
    of(rejected: Rejected): Rejection {
      const { error, navigation, setCookies = [] } = rejected;
      if (error.status === 401 && navigation?.mayLogIn === true) return login(rejected);
      const page = pageOf(rejected);
      const policies = page === undefined ? forProblems : [...forPages, ...page.headers];
      const cookies = setCookies.flatMap((line) => ["Set-Cookie", line]);
      return rejection(rejected, { list: [...policies, ...cookies], body: page?.html });
    },
    /** The browser withholds the session cookie from this navigation; see http/page-navigation.ts. */
    refresh(request: IncomingMessage, requestId: string, { marker }: InspectedNavigation): Rejection {
      const target = request.url ?? "";
      const { html, headers } = pages.refresh(languagesOf(request), target);
      const line = navigationMarkerLine(target, markerOfRefresh(marker));
      const list = [...forRefresh, ...headers, "X-Request-Id", requestId, "Set-Cookie", line];
      return { kind: "navigation", status: 200, code: "session_missing", headers: headersOf(list), body: html };
    },
  };
}

/** The problem of a request that concerns no application, or a gateway that is not usable. */
export function problemRejection(host: HostPolicy, rejected: Pick<Rejected, "request" | "state" | "error">): Rejection {
  const list = [...securityHeaderList(host), "Content-Type", "application/problem+json; charset=utf-8"];
  return rejection(rejected, { list, body: undefined });
}

function rejection(
  { request, state: { requestId }, error }: Pick<Rejected, "request" | "state" | "error">,
  { list, body }: { list: string[]; body: string | undefined },
): Rejection {
  const { code, status } = error;
  list.push("X-Request-Id", requestId);
  for (const challenge of challengesOf(error)) list.push("WWW-Authenticate", challenge);
  if (error.retryAfterSeconds !== undefined) list.push("Retry-After", String(error.retryAfterSeconds));
  if (error.allow !== undefined) list.push("Allow", error.allow.join(", "));
  // RFC 6455 §4.4
  if (status === 426) list.push("Sec-WebSocket-Version", "13");
  if (isUploading(request)) list.push("Connection", "close");
  const problem = body ?? JSON.stringify(problemOf(error, requestId));
  return { kind: kindOf(status), status, code, headers: headersOf(list), body: problem };
}

function kindOf(status: number): Rejection["kind"] {
  if (status === 401) return "signed-out";
  return status === 503 ? "unavailable" : "rejected";
}

function languagesOf({ headers }: IncomingMessage) {
  return { acceptLanguage: headers["accept-language"] };
}

function returnPathOf({ url = "" }: IncomingMessage): string {
  return url.length > MAX_RETURN_PATH_CHARS ? "/" : url;
}

function headersOf(list: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { "cache-control": "no-store" };
  for (let at = 0; at + 1 < list.length; at += 2) {
    const name = (list[at] ?? "").toLowerCase();
    const value = list[at + 1] ?? "";
    const known = headers[name];
    headers[name] = known === undefined ? value : [known, value].flat();
  }
  return headers;
}
