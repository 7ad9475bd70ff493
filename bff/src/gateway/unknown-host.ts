// Requests whose Host belongs to no application: 421 (RFC 9110 §15.5.20), except for a logout token, which the provider may
// send to any host name. Used while the process serves several applications; a single one rejects other hosts itself.
import Router from "@koa/router";
import Koa from "koa";
import { backchannelLogout, type LogoutReceiver } from "../auth/backchannel-logout.ts";
import type { ServerConfig } from "../config/config.ts";
import { BUILT_IN_PAGES_CONFIG } from "../config/pages/error-pages.ts";
import { GatewayError } from "../errors.ts";
import { errorResponse, reportLateError } from "../http/error-response.ts";
import { createPages } from "../http/pages.ts";
import type { Handle } from "../http/pipelining-guard.ts";
import { requestLog } from "../http/request-log.ts";
import { requestValidation } from "../http/request-validation.ts";
import { createRouteTable } from "../http/route-table.ts";
import { securityHeaderList, setHeaders } from "../http/security-headers.ts";
import type { Log } from "../logging/log.ts";
import type { Metrics } from "../metrics/metrics.ts";

/** No application has it. */
const NO_ORIGIN = "http://unknown.invalid";

type Dependencies = {
  config: Pick<ServerConfig, "trustedProxies">;
  log: Log;
  metrics: Pick<Metrics, "request">;
  logoutReceivers: () => readonly LogoutReceiver[];
};

export function createUnknownHostApp({ config, log, metrics, logoutReceivers }: Dependencies): Handle {
  const routes = createRouteTable([]);
  const app = new Koa();
  app.on("error", reportLateError({ log }));
  // No HSTS for a name that is not ours.
  const pages = createPages({ errorPages: BUILT_IN_PAGES_CONFIG, log });
  app.use(errorResponse({ log, transportSecurity: undefined, routes, pages }));
  app.use(requestLog({ config, log, metrics }));
  app.use(requestValidation({ publicOrigin: NO_ORIGIN, routes }));
  app.use((ctx, next) => {
    setHeaders(ctx.res, securityHeaderList({ transportSecurity: undefined }));
    return next();
  });
  const router = new Router({ sensitive: true, strict: true });
  router.post("/bff/backchannel-logout", backchannelLogout({ receivers: logoutReceivers, log }));
  app.use(router.routes());
  app.use(() => {
    throw new GatewayError("request_malformed", { status: 421, reason: "no application has this Host" });
  });
  return app.callback();
}
