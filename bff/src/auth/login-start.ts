// GET and POST /bff/login: starts the authorization code flow (OIDC Core 1.0 §3.1) for the app, for a link, or for another
// site (third-party-initiated login, §4).
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import { inspectOrigin } from "../http/csrf.ts";
import { isCrossSite, isSibling } from "../http/fetch-metadata.ts";
import type { PageLanguages } from "../http/languages.ts";
import type { Page } from "../http/pages.ts";
import { requestState, languagesOf } from "../http/request-state.ts";
import { pageHeaders, setHeaders } from "../http/security-headers.ts";
import type { SendingObserver } from "../lib/in-flight.ts";
import { foundSession } from "../session/koa-session.ts";
import type { Session } from "../session/session.ts";
import { readForm } from "./form-body.ts";
import { withHints, type LoginAttempt } from "./login-attempt.ts";
import { confirmationPage } from "./login-pages.ts";
import { checkedAtCallback, parseLoginParameters, type LoginParameters } from "./login-parameters.ts";
import type { ReturnTargets } from "./return-path.ts";
import type { LoginDependencies } from "./callback.ts";
import { seeOther } from "../http/see-other.ts";
import { startAttempt } from "./start-attempt.ts";
import { decideLogin, NO_SESSION } from "./third-party-login.ts";

type StartDependencies = Pick<
  LoginDependencies,
  | "publicOrigin"
  | "transportSecurity"
  | "isPage"
  | "config"
  | "provider"
  | "attempts"
  | "silentLogin"
  | "store"
  | "pages"
  | "log"
>;

const MAX_FORM_BYTES = 16_384;

/**
 * Starts a login attempt, or sends a page of the gateway before it.
 * @throws GatewayError request_malformed | payload_too_large | login_failed | step_up_failed | provider_unavailable
 */
export function login(dependencies: StartDependencies) {
  const { publicOrigin, config, silentLogin, store, pages } = dependencies;
  const headersOfPages = {
    continue: pageHeaders(dependencies, pages.sources("continue"), "'self'"),
    confirm: pageHeaders(dependencies, pages.sources("confirm"), "'self'"),
  };
  const sendPage = (ctx: Context, kind: keyof typeof headersOfPages, { html, headers }: Page): void => {
    setHeaders(ctx.res, headersOfPages[kind]);
    setHeaders(ctx.res, headers);
    ctx.body = html;
  };
  const continueTo = (ctx: Context, url: string): void =>
    sendPage(ctx, "continue", pages.continueTo(languagesOf(ctx), "continueLogin", url));
  const confirm = (wanted: PageLanguages, parameters: LoginParameters, session: Session | undefined): Page => {
    const fields = new Map(repeatable(parameters, { confirmed: session?.handle ?? NO_SESSION }));
    return confirmationPage(pages, wanted, { session, fields, returnPath: parameters.returnPath });
  };
  const start = (ctx: Context, parameters: LoginParameters): Promise<string> => {
    const { returnPath } = parameters;
    const extra = { ...config.loginParameters, ...parameters.extra };
    // From both sources: the callback checks what the login has requested.
    const { prompt, acrValues, maxAgeSeconds } = checkedAtCallback(extra);
    const previousSession = foundSession(ctx)?.key;
    const attempt: LoginAttempt = {
      startedAtMs: store.nowMs(),
      returnPath,
      ...(previousSession === undefined ? {} : { previousSession }),
      ...(prompt === undefined ? {} : { prompt }),
      ...(acrValues === undefined ? {} : { acrValues }),
      ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    };
    return startAttempt(ctx, dependencies, { attempt: withHints(attempt, parameters.extra), extra });
  };
  return async function login(ctx: Context): Promise<void> {
    const parameters = await readParameters(ctx, dependencies);
    // Kept by the retry link of the error page.
    ctx.state["returnPath"] = parameters.returnPath;
    const locales = parameters.extra["ui_locales"];
    if (locales !== undefined) requestState(ctx).uiLocales = locales.split(" ");
    requireIssuer(parameters, { method: ctx.method, issuer: config.issuer });
    const session = foundSession(ctx)?.session;
    const origin = {
      isCrossSite: isCrossSite(ctx.req, publicOrigin),
      isSibling: isSibling(ctx.req),
      isOwnForm: ctx.method === "POST" && inspectOrigin(ctx.req, "form", publicOrigin) === "ok",
    };
    switch (decideLogin(parameters, origin, session)) {
      case "stay":
        return seeOther(ctx, publicOrigin + parameters.returnPath);
      case "repeat":
        return continueTo(ctx, `/bff/login?${repeatable(parameters, { repeated: "1" }).toString()}`);
      case "confirm":
        return sendPage(ctx, "confirm", confirm(languagesOf(ctx), parameters, session));
      case "start": {
        const url = await start(ctx, parameters).catch((error: unknown) => {
          // With the provider down, the app's page still loads.
          if (silentLogin.isSilent(parameters.prompt) && silentLogin.isHidden(error)) return undefined;
          throw error;
        });
        if (url === undefined) return silentLogin.giveUp(ctx, publicOrigin + parameters.returnPath);
        // Chromium applies `form-action` to the redirects after a form post, and the provider may redirect to any origin.
        return parameters.confirmed === undefined ? seeOther(ctx, url) : continueTo(ctx, url);
      }
    }
  };
}

/** @throws GatewayError request_malformed | payload_too_large */
async function readParameters(ctx: Context, targets: ReturnTargets): Promise<LoginParameters> {
  if (ctx.method !== "POST") return parseLoginParameters(ctx.querystring, targets);
  const waiting = ctx.state["waiting"] as SendingObserver | undefined;
  const form = await readForm(ctx.req, { maxBytes: MAX_FORM_BYTES, waiting });
  return parseLoginParameters(new URLSearchParams([...new URLSearchParams(ctx.querystring), ...form]), targets);
}

/** The issuer is compared exactly: a link for another provider must not start a login at this one. */
function requireIssuer(parameters: LoginParameters, { method, issuer }: { method: string; issuer: string }): void {
  if (parameters.issuer === undefined) {
    if (method === "POST" && parameters.confirmed === undefined)
      throw new GatewayError("request_malformed", { reason: "login: POST requires iss" });
    return;
  }
  if (parameters.issuer !== issuer)
    throw new GatewayError("request_malformed", {
      reason: "login: iss is not OIDC_ISSUER, compared character by character",
      explanation: "foreign_issuer",
    });
}

/** The validated parameters as a query of /bff/login. */
function repeatable({ returnPath, extra, issuer }: LoginParameters, more: Record<string, string>): URLSearchParams {
  return new URLSearchParams({
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...extra,
    returnTo: returnPath,
    ...more,
  });
}
