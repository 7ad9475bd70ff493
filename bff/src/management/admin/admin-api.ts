// Admin API on the management listener: access, routing, audit log.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdminTokens } from "../../config/admin-token.ts";
import type { SettingWords } from "../../config/setting-words.ts";
import type { Log } from "../../logging/log.ts";
import { createAdminMetrics, type AdminMetrics } from "../../metrics/admin-metrics.ts";
import { createAdminTokens, createRejectionLimit, nameOfToken, rejectBrowsers } from "./admin-access.ts";
import { ADMIN_ERRORS, AdminError, toAdminError } from "./admin-errors.ts";
import { acceptsProgress, findRoute, parseQuery, pathOf } from "./admin-request.ts";
import { createProgress, sendJson, sendProblem } from "./admin-response.ts";
import type { AdminApplication } from "./admin-routes.ts";

export type AdminApi = {
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** @returns a sentence while ADMIN_TOKEN_FILE cannot be used */
  fault: () => string | undefined;
  metrics: AdminMetrics;
};

export type AdminApiOptions = {
  tokens: AdminTokens;
  /** MANAGEMENT_HOST. */
  host: string;
  /** Read for each request: a reload may change them. */
  applications: () => readonly AdminApplication[];
  log: Log;
  /** How problems name settings. */
  words: Pick<SettingWords, "sentence">;
};

type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  /** Name of the admin token. */
  admin: string;
  /** Set for requests that end sessions. */
  ended: number | undefined;
};

export function createAdminApi(options: AdminApiOptions): AdminApi {
  const { log, host, words } = options;
  const metrics = createAdminMetrics();
  const tokens = createAdminTokens(options.tokens);
  const countRejection = createRejectionLimit();

  const authenticate = (request: IncomingMessage): string | AdminError => {
    const rejection = rejectBrowsers(request, host);
    if (rejection !== undefined) return new AdminError(rejection);
    return nameOfToken(request.headers.authorization, tokens.current()) ?? new AdminError("admin_token_rejected");
  };
  const reject = (exchange: Omit<Exchange, "admin" | "ended">, error: AdminError): void => {
    const { request, response, requestId } = exchange;
    const rate = countRejection();
    metrics.rejected(error.code);
    if (rate !== "beyond")
      log.security("admin_access_rejected", {
        ...{ requestId, method: request.method ?? "", path: pathOf(request), code: error.code },
        clientAddress: request.socket.remoteAddress ?? "",
        ...(rate === "first" ? { reason: "further rejections of this minute are not logged" } : {}),
      });
    const shown = rate === "within" ? error : new AdminError("too_many_requests");
    sendProblem(response, shown, { requestId, words });
  };

  return {
    metrics,
    fault: tokens.fault,
    async handle(request, response) {
      const requestId = randomUUID();
      const admin = authenticate(request);
      if (admin instanceof AdminError) return reject({ request, response, requestId }, admin);
      await respond({ request, response, requestId, admin, ended: undefined }, { ...options, metrics });
      const { statusCode: status } = response;
      metrics.request(status);
      log.security("admin_access", { admin, requestId, method: request.method ?? "", path: pathOf(request), status });
    },
  };
}

type RespondOptions = AdminApiOptions & { metrics: AdminMetrics };

async function respond(exchange: Exchange, options: RespondOptions): Promise<void> {
  const { request, response, requestId } = exchange;
  try {
    const { route, params } = findRoute(request);
    const query = parseQuery(route, request.url ?? "");
    const applications = options.applications();
    const application = applications.find(({ id }) => id === params["application"]);
    if ("application" in params && application === undefined)
      throw new AdminError("not_found", { detail: "No application has this id." });
    if (route.method === "DELETE") exchange.ended = 0;
    const hasProgress = route.hasProgress === true && acceptsProgress(request);
    const writeLine = hasProgress ? createProgress(response, requestId) : undefined;
    const result = await route.handle({
      ...{ applications, params, query },
      // Only `listApplications`, which does not use it, has no such parameter.
      application: application as AdminApplication,
      ...effectsOf(exchange, options, { application, writeLine }),
    });
    const body = exchange.ended === undefined ? result : { ended: exchange.ended, ...result };
    if (writeLine === undefined) return sendJson(response, body, requestId);
    writeLine({ ...body, complete: true });
    response.end();
  } catch (thrown) {
    const error = toAdminError(thrown);
    if (ADMIN_ERRORS[error.code].status >= 500)
      options.log.error("admin request failed", { requestId, code: error.code, error: error.cause ?? error });
    sendProblem(response, error, { ...exchange, words: options.words });
  }
}

type Target = { application: AdminApplication | undefined; writeLine: ((line: object) => void) | undefined };

/** What a route reports about the sessions that it ends: for the response, the metrics and the audit log. */
function effectsOf(exchange: Exchange, { log, metrics }: RespondOptions, { application, writeLine }: Target) {
  const { admin, requestId } = exchange;
  return {
    onEnded(count: number): void {
      exchange.ended = (exchange.ended ?? 0) + count;
      metrics.ended(count);
      writeLine?.({ ended: exchange.ended, complete: false });
    },
    audit(reason: string, subject?: string): void {
      log.security("admin_ended_sessions", {
        ...{ admin, requestId, application: application?.id ?? "", reason, count: exchange.ended ?? 0 },
        ...(subject === undefined ? {} : { subject }),
      });
    },
  };
}
