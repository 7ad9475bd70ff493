// Silent login (SILENT_LOGIN=on): the app may start one login with prompt=none (OIDC Core 1.0 §3.1.2.1) when a tab opens
// without a session. The gateway decides whether it may, and redirects back to the page without a message if it fails.
import type { Context, Next } from "koa";
import { GatewayError, type ErrorCode } from "../errors.ts";
import { cookieValue, sessionIdFrom, SILENT_LOGIN_COOKIE, silentLoginCookieAttributes } from "../session/cookies.ts";
import { foundSession } from "../session/koa-session.ts";
import type { Sessions } from "../session/sessions.ts";
import { seeOther } from "../http/see-other.ts";

/**
 * `ready`: the app may start a silent login. `pending`: it asks /bff/user once more, to show that the browser stores
 * cookies; a browser without cookies would end on an error page at the callback.
 */
export type SilentLoginOffer = "ready" | "pending" | undefined;

export type SilentLogin = {
  /** For /bff/user without a session. @throws GatewayError store_unavailable */
  offer(ctx: Context): Promise<SilentLoginOffer>;
  /** Whether a login is silent: it shows no error page. */
  isSilent(prompt: string | undefined): boolean;
  /** Whether a silent login that fails with this error returns to its page: all but store outages and internal errors. */
  isHidden(error: unknown): error is GatewayError;
  /** Redirects to the return path; no further offer for a minute. */
  giveUp(ctx: Context, location: string): void;
  /** After a login: when the session has ended later, an offer is possible again. */
  reset(ctx: Context): void;
  /** Middleware of routes that log the browser out: no offer while the provider's session may still exist. */
  stopAfterLogout(ctx: Context, next: Next): Promise<void>;
};

const READY_SECONDS = 600;
/** Ends a loop of an app that does not limit itself to one attempt per tab. */
const RETRY_SECONDS = 60;

const HIDDEN: ReadonlySet<ErrorCode> = new Set(["provider_unavailable", "login_failed", "step_up_failed"]);

type Dependencies = { isOn: boolean; sessions: Pick<Sessions, "endReason">; sessionMaxMs: number };

export function createSilentLogin({ isOn, sessions, sessionMaxMs }: Dependencies): SilentLogin {
  const set = (ctx: Context, value: "ready" | "no", maxAge: number): void => {
    ctx.cookies.set(SILENT_LOGIN_COOKIE, value, { ...silentLoginCookieAttributes, maxAge });
  };
  return {
    async offer(ctx) {
      if (!isOn) return undefined;
      const header = ctx.get("cookie");
      const state = cookieValue(header, SILENT_LOGIN_COOKIE);
      if (state !== undefined && state !== "ready") return undefined;
      // A logout, an administrator or the provider has ended the session: a silent login would undo that.
      const sessionId = sessionIdFrom(header);
      if (sessionId !== undefined && (await sessions.endReason(sessionId)) !== undefined) return undefined;
      if (state === "ready") return "ready";
      set(ctx, "ready", READY_SECONDS * 1000);
      return "pending";
    },
    isHidden: (error): error is GatewayError => error instanceof GatewayError && HIDDEN.has(error.code),
    isSilent: (prompt) => isOn && prompt === "none",
    giveUp(ctx, location) {
      set(ctx, "no", RETRY_SECONDS * 1000);
      seeOther(ctx, location);
    },
    reset(ctx) {
      // Whether the browser has the cookie is unknown: the callback comes from another site.
      if (isOn) ctx.cookies.set(SILENT_LOGIN_COOKIE, "", { ...silentLoginCookieAttributes, maxAge: 0 });
    },
    async stopAfterLogout(ctx, next) {
      await next();
      if (isOn && foundSession(ctx) === undefined) set(ctx, "no", sessionMaxMs);
    },
  };
}
