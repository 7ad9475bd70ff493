// POST /bff/csp-reports: receives violation reports of browsers, logs each kind of violation once and counts all of them.
import type { Context } from "koa";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { FifoCache } from "../lib/fifo-cache.ts";
import type { Log } from "../logging/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { LEGACY_REPORT, parseReports, REPORTING_API, type Violation } from "./csp-report-parser.ts";
import { createSuggestions } from "./csp-suggestions.ts";
import { requestState } from "./request-state.ts";
import { readSmallBody } from "./small-body.ts";

export type CspReportsDependencies = {
  config: Pick<Config, "publicOrigin" | "pagePolicy">;
  log: Pick<Log, "warn">;
  metrics: Pick<Metrics, "cspViolation">;
  /** Monotonic time in milliseconds. */
  now?: () => number;
};

/** A browser sends up to 100 reports at once by the Reporting API, each with the whole policy. */
const MAX_REPORT_BYTES = 256 * 1024;
/** Token bucket for the requests of all browsers: a page with many violations sends one request for each. */
const MAX_BURST = 200;
const REPORTS_PER_SECOND = 10;
/** Token bucket for the log: anyone can send reports, each of a new kind. */
const MAX_LINE_BURST = 500;
const LINES_PER_SECOND = 1;
/** At most this many kinds of violations are remembered, and therefore logged, before old ones are logged again. */
const MAX_KINDS = 500;

/** @throws GatewayError not_found | request_malformed | payload_too_large | too_many_requests */
export function cspReports({ config, log, metrics, now = () => performance.now() }: CspReportsDependencies) {
  const { publicOrigin, pagePolicy } = config;
  const acquire = createTokenBucket({ burst: MAX_BURST, perSecond: REPORTS_PER_SECOND }, now);
  const record = createRecorder(pagePolicy, { log, now });
  return async function receiveReports(ctx: Context): Promise<void> {
    if (pagePolicy.reports !== "gateway") throw new GatewayError("not_found");
    if (!acquire())
      throw new GatewayError("too_many_requests", { reason: "too many violation reports", retryAfterSeconds: 60 });
    const { waiting } = requestState(ctx);
    const types = [LEGACY_REPORT, REPORTING_API];
    const { type, text } = await readSmallBody(ctx.req, { types, maxBytes: MAX_REPORT_BYTES, waiting });
    const violations = parseReports(type, text, publicOrigin);
    if (violations === undefined) throw new GatewayError("request_malformed", { reason: "not a violation report" });
    for (const violation of violations) {
      metrics.cspViolation(violation.directive);
      record(violation);
    }
    ctx.status = 204;
  };
}

type RecorderDependencies = Required<Pick<CspReportsDependencies, "log" | "now">>;

function createRecorder(policy: Config["pagePolicy"], { log, now }: RecorderDependencies) {
  const acquireLine = createTokenBucket({ burst: MAX_LINE_BURST, perSecond: LINES_PER_SECOND }, now);
  const logged = new FifoCache<string, true>(MAX_KINDS);
  // In production anyone can send a report: a setting in the log would be the sender's advice.
  const suggest = policy.suggestsSettings ? createSuggestions(policy) : () => undefined;
  return function record(violation: Violation): void {
    const { directive, blocked, detail, path, isEnforced } = violation;
    const kind = `${directive} ${blocked} ${detail ?? ""} ${isEnforced}`;
    if (logged.has(kind) || !acquireLine()) return;
    logged.set(kind, true);
    log.warn(isEnforced ? "content security policy violation" : "content security policy violation, reported only", {
      path,
      directive,
      blocked: detail === undefined ? blocked : `${blocked}: ${detail}`,
      setting: suggest(violation),
    });
  };
}

type Rate = { burst: number; perSecond: number };

function createTokenBucket({ burst, perSecond }: Rate, now: () => number): () => boolean {
  let tokens = burst;
  let filledMs = now();
  return function acquire() {
    const nowMs = now();
    tokens = Math.min(burst, tokens + ((nowMs - filledMs) / 1000) * perSecond);
    filledMs = nowMs;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
