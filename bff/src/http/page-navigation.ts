// Navigations to server-rendered pages (rows with `csrf: same-origin`). Browsers withhold the SameSite=Strict session cookie
// from navigations that another site starts, and from the redirects of a login: those are repeated once from our own origin.
// Navigations without a session are sent to the login.
import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Context, Next } from "koa";
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { cookieValue, NAVIGATION_COOKIE, navigationCookieAttributes, sessionIdFrom } from "../session/cookies.ts";
import { isCrossSite, isNavigation, isSibling } from "./fetch-metadata.ts";
import type { Pages } from "./pages.ts";
import { refreshPageHeaders } from "./refresh-page.ts";
import { languagesOf, requestState } from "./request-state.ts";
import { securityHeaderList, setHeaders, type HostPolicy } from "./security-headers.ts";
import { seeOther } from "./see-other.ts";

/**
 * What has happened to a navigation, kept in a cookie for its target. `refreshed`: the refresh page was sent. `logged-in`: a
 * login has returned to it. `logged-in-refreshed`: both.
 */
export type Marker = "refreshed" | "logged-in" | "logged-in-refreshed";

const MARKERS: ReadonlySet<string> = new Set<Marker>(["refreshed", "logged-in", "logged-in-refreshed"]);
/** Longer than a navigation takes. Afterwards a link opened again gets the refresh page again. */
const MARKER_MS = 30_000;
/** A longer target is not returned to after the login: see auth/return-path.ts. */
const MAX_RETURN_PATH_CHARS = 2_000;

export type NavigationState = {
  hasSessionCookie: boolean;
  marker: Marker | undefined;
  /** Another site or a sibling host has started the navigation. */
  isForeign: boolean;
};

/**
 * `refresh`: send the refresh page. `forward`: the row's access decides. If the session is missing right after a login, the user
 * gets an error page instead of another login (no login loop).
 */
export function decideNavigation({ hasSessionCookie, marker, isForeign }: NavigationState): {
  action: "refresh" | "forward";
  mayLogIn: boolean;
} {
  const mayLogIn = marker === undefined || marker === "refreshed";
  if (hasSessionCookie) return { action: "forward", mayLogIn };
  // The redirect after a login is cross-site, also in browsers without Fetch Metadata.
  if (marker === "logged-in") return { action: "refresh", mayLogIn };
  return { action: marker === undefined && isForeign ? "refresh" : "forward", mayLogIn };
}

export type InspectedNavigation = ReturnType<typeof decideNavigation> & { marker: Marker | undefined };

/** @returns undefined unless the request is a navigation to a page of the row that depends on the session */
export function inspectNavigation(
  request: IncomingMessage,
  row: UpstreamConfig | undefined,
  publicOrigin: string,
): InspectedNavigation | undefined {
  if (row?.csrf !== "same-origin" || request.method !== "GET") return undefined;
  if (!usesSession(row, request) || !isNavigation(request)) return undefined;
  const { cookie } = request.headers;
  const marker = markerOf(cookieValue(cookie, NAVIGATION_COOKIE), request.url ?? "");
  const hasSessionCookie = sessionIdFrom(cookie) !== undefined;
  const isForeign = isCrossSite(request, publicOrigin) || isSibling(request);
  return { ...decideNavigation({ hasSessionCookie, marker, isForeign }), marker };
}

/** The marker of a target for which the refresh page is sent. */
export const markerOfRefresh = (marker: Marker | undefined): Marker =>
  marker === "logged-in" ? "logged-in-refreshed" : "refreshed";

/** @returns the cookie line that sets the marker, as `setNavigationMarker` does */
export function navigationMarkerLine(target: string, marker: Marker): string {
  const value = `${marker}.${fingerprint(target)}`;
  return `${NAVIGATION_COOKIE}=${value}; Path=/; Max-Age=${MARKER_MS / 1000}; SameSite=Lax; Secure; HttpOnly`;
}

/** Sets the marker for the next request of this target. @param target path, query and fragment */
export function setNavigationMarker(ctx: Context, target: string, marker: Marker): void {
  // Without it the library rejects Secure cookies on plain HTTP, as behind a TLS-terminating proxy and on http://localhost.
  ctx.cookies.secure = true;
  ctx.cookies.set(NAVIGATION_COOKIE, `${marker}.${fingerprint(target)}`, {
    ...navigationCookieAttributes,
    maxAge: MARKER_MS,
  });
}

function clearNavigationMarker(ctx: Context): void {
  ctx.cookies.secure = true;
  ctx.cookies.set(NAVIGATION_COOKIE, "", { ...navigationCookieAttributes, maxAge: 0 });
}

/** @throws GatewayError as the following middlewares */
export function pageNavigation(config: HostPolicy & { publicOrigin: string }, pages: Pick<Pages, "refresh">) {
  const { publicOrigin } = config;
  const headersOfPage = refreshPageHeaders(config);
  const headersOfRedirect = securityHeaderList(config);

  const setOwnHeaders = (ctx: Context, headers: readonly string[]): void => {
    ctx.respond = true;
    setHeaders(ctx.res, headers);
    ctx.res.setHeader("Cache-Control", "no-store");
    ctx.res.setHeader("X-Request-Id", requestState(ctx).requestId);
  };
  const navigate = async (
    ctx: Context,
    next: Next,
    { action, mayLogIn, marker }: InspectedNavigation,
  ): Promise<void> => {
    const target = ctx.req.url ?? "";
    if (action === "refresh") {
      setNavigationMarker(ctx, target, markerOfRefresh(marker));
      setOwnHeaders(ctx, headersOfPage);
      const { html, headers } = pages.refresh(languagesOf(ctx), target);
      setHeaders(ctx.res, headers);
      ctx.status = 200;
      ctx.body = html;
      return;
    }
    if (marker !== undefined) clearNavigationMarker(ctx);
    try {
      await next();
    } catch (error) {
      if (!(error instanceof GatewayError) || error.status !== 401 || ctx.headerSent || !mayLogIn) throw error;
      const url = new URL(error.loginUrl ?? "/bff/login", publicOrigin);
      url.searchParams.set("returnTo", returnPathOf(target));
      requestState(ctx).code = error.code;
      setOwnHeaders(ctx, headersOfRedirect);
      seeOther(ctx, url.href);
    }
  };
  return function navigatePage(ctx: Context, next: Next): Promise<void> {
    const { row } = requestState(ctx).route;
    if (row?.csrf !== "same-origin") return next();
    requestState(ctx).returnPath = returnPathOf(ctx.req.url ?? "");
    const navigation = inspectNavigation(ctx.req, row, publicOrigin);
    return navigation === undefined ? next() : navigate(ctx, next, navigation);
  };
}

/** Whether the row reads the session of this request. */
function usesSession({ access }: UpstreamConfig, { headers }: IncomingMessage): boolean {
  if (access === "session-or-bearer") return headers.authorization === undefined;
  return access === "session" || access === "optional";
}

function returnPathOf(target: string): string {
  return target.length > MAX_RETURN_PATH_CHARS ? "/" : target;
}

/** @returns undefined for a marker of another target */
function markerOf(value: string | undefined, target: string): Marker | undefined {
  const [name = "", of] = value?.split(".") ?? [];
  return MARKERS.has(name) && of === fingerprint(target) ? (name as Marker) : undefined;
}

/** The request target has no fragment. */
function fingerprint(target: string): string {
  return hash("sha256", target.split("#", 1)[0] ?? "", "base64url").slice(0, 16);
}
