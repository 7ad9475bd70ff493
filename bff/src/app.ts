// The order of a request of one application: through every middleware to a route, an upstream or the app's files.
// gateway.ts selects the application by the Host header.
import Router from "@koa/router";
import Koa from "koa";
import { backchannelLogout } from "./auth/backchannel-logout.ts";
import { events } from "./auth/events.ts";
import { jwks } from "./auth/jwks.ts";
import { login } from "./auth/login-start.ts";
import { callback, responseHead } from "./auth/callback.ts";
import { logout } from "./auth/logout.ts";
import { endAllSessions, endOneSession, listSessions } from "./auth/sessions.ts";
import { user } from "./auth/user.ts";
import { cspReports } from "./http/csp-reports.ts";
import { csrf, loginGuard } from "./http/csrf.ts";
import { errorResponse, reportLateError } from "./http/error-response.ts";
import { insecureCookies } from "./http/insecure-cookies.ts";
import { koaHandler } from "./http/koa-handler.ts";
import { loadShedding } from "./http/load-shedding.ts";
import { pageNavigation } from "./http/page-navigation.ts";
import type { Handle } from "./http/pipelining-guard.ts";
import { requestLog } from "./http/request-log.ts";
import { requestValidation } from "./http/request-validation.ts";
import { securityHeaders } from "./http/security-headers.ts";
import { spaFiles } from "./http/spa-files.ts";
import { forward } from "./proxy/forward.ts";
import type { Services } from "./services.ts";
import { koaSession, namedSession } from "./session/koa-session.ts";

export function createApp(services: Services): Handle {
  return koaHandler(createKoa(services), services.routes);
}

function createKoa(services: Services): Koa {
  const { config, log, metrics, routes } = services;
  const { publicOrigin } = config;
  const app = new Koa();
  app.on("error", reportLateError({ log }));

  app.use(errorResponse({ log, transportSecurity: config.transportSecurity, routes, pages: services.pages }));
  app.use(requestLog({ config, log, metrics, inFlight: services.requestsInFlight }));
  app.use(securityHeaders(config));
  app.use(loadShedding(services.quotas));
  if (config.insecureCookies) app.use(insecureCookies({ publicOrigin }));
  app.use(requestValidation({ publicOrigin, routes }));
  app.use(csrf({ publicOrigin, metrics }));

  app.use(pageNavigation(config, services.pages));
  app.use(forward(services));
  const session = koaSession(app, { ...services, sessionMaxMs: config.sessionMaxMs });
  const { ownSessions, silentLogin } = services;
  const { stopAfterLogout } = silentLogin;
  const guardLogin = loginGuard({ log, metrics });
  const startLogin = login(services.login);
  const router = new Router({ sensitive: true, strict: true })
    .head(["/bff/login", "/bff/callback", "/bff/logout/provider", "/bff/logout/return"], responseHead)
    .get("/bff/login", guardLogin, session, startLogin)
    .post("/bff/login", guardLogin, session, startLogin)
    .get("/bff/callback", session, callback(services.login))
    .post("/bff/logout", session, namedSession, stopAfterLogout, logout(services.logout))
    .get("/bff/logout/provider", services.providerLogout.route)
    .get("/bff/logout/return", services.providerLogout.returnRoute)
    .post("/bff/backchannel-logout", backchannelLogout({ receivers: services.logoutReceivers, log }))
    .post("/bff/csp-reports", cspReports(services))
    .get("/bff/jwks.json", jwks(services.login))
    .get("/bff/user", session, user({ accountUrl: config.accountUrl, silentLogin, now: services.now }))
    .get("/bff/events", events({ sessions: services.sessions, streams: services.eventStreams }))
    .get("/bff/sessions", session, namedSession, listSessions(ownSessions))
    .delete("/bff/sessions", session, namedSession, stopAfterLogout, endAllSessions(ownSessions))
    .delete("/bff/sessions/:id", session, namedSession, stopAfterLogout, endOneSession(ownSessions));
  app.use(router.routes());
  app.use(router.allowedMethods());
  app.use(spaFiles({ root: config.spaRoot, remote: services.remoteIndex }));
  return app;
}
