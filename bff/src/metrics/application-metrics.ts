// Prometheus metrics of one application: a registry and one recording function per event. Label values come from closed
// lists or from the configuration, never from a browser, a user or the provider (bounded cardinality).
import { Counter, Gauge, Registry } from "prom-client";
import type { ErrorCode } from "../errors.ts";
import type { RouteKind } from "../lib/paths.ts";
import { registerDependencies } from "./dependency-metrics.ts";
import type { CheckReport } from "./dependency-check.ts";
import { createRequestStats } from "./request-stats.ts";
import { countRateLimits, type RateLimitOutcome } from "./rate-limit-metrics.ts";
import { registerUpstreams, type UpstreamSnapshot } from "./upstream-metrics.ts";

export type { UpstreamSnapshot } from "./upstream-metrics.ts";

export type RefreshOutcome = "renewed" | "rejected" | "unspent" | "unusable" | "unknown" | "fenced";
export type LoginOutcome = "completed" | "failed" | "unavailable";
export type BearerOutcome =
  | "accepted"
  | "missing"
  | "malformed"
  | "invalid_token"
  | "invalid_proof"
  | "forbidden"
  | "unavailable";
export type WebSocketEnd = "browser" | "upstream" | "session" | "idle" | "lifetime" | "drain";
export type SessionReadOutcome = "hit" | "miss" | "bypass";
export type FinishedRequest = {
  route: RouteKind;
  method: string;
  status: number;
  durationMs: number;
  code: ErrorCode | undefined;
};

export type Metrics = {
  request(finished: FinishedRequest): void;
  refresh(outcome: RefreshOutcome): void;
  login(outcome: LoginOutcome): void;
  /** A request of a client that brought its own access token. */
  bearer(outcome: BearerOutcome): void;
  csrfRejected(): void;
  /** @param directive from the closed list of csp-report-parser.ts */
  cspViolation(directive: string): void;
  /** A request of a row with `rateLimit`. @param upstream the prefix of the row */
  rateLimit(upstream: string, outcome: RateLimitOutcome): void;
  /** @param report runs on each scrape; the last one registered counts. @returns a function that removes it */
  registerDependencies(report: () => Promise<CheckReport>): () => void;
  /** @param count runs on each scrape; the counts of all sources are added. @returns a function that removes it */
  registerEventStreams(count: () => number): () => void;
  /**
   * @param snapshot runs on each scrape, so that requests update plain counters only; all sources are added
   * @returns a function that removes it
   */
  registerUpstreams(snapshot: () => readonly UpstreamSnapshot[]): () => void;
  webSocketOpened(): void;
  /** @param by the side or limit that ended the WebSocket */
  webSocketClosed(by: WebSocketEnd): void;
  sessionRead(outcome: SessionReadOutcome): void;
  sessionChanged(): void;
  sessionCacheWorks(works: boolean): void;
};

export function createRequestMetrics(registry: Registry): Pick<Metrics, "request"> {
  const requests = createRequestStats(registry);
  const errors = new Counter({
    name: "cloakroom_errors_total",
    help: "Error responses by error code, e.g. store_unavailable",
    labelNames: ["code"],
    registers: [registry],
  });
  return {
    request({ route, method, status, durationMs, code }) {
      requests.count(route, method, status);
      // The duration of a WebSocket is not a response time.
      if (status !== 101) requests.time(route, durationMs);
      if (code !== undefined) errors.inc({ code });
    },
  };
}

/** @param application value of the label `application` of every series */
export function createApplicationMetrics(application: string) {
  const registry = new Registry();
  registry.setDefaultLabels({ application });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `cloakroom_${name}`, help, labelNames, registers });
  const refreshes = counter("refreshes_total", "Token refreshes by outcome", ["outcome"]);
  const logins = counter("logins_total", "Login attempts by outcome", ["outcome"]);
  const bearers = counter(
    "bearer_requests_total",
    "Requests with an access token of the client, by outcome of its validation",
    ["outcome"],
  );
  const csrfRejections = counter("csrf_rejections_total", "Requests rejected by the CSRF check", []);
  const cspViolations = counter(
    "csp_violations_total",
    "Reported violations of the Content-Security-Policy by directive",
    ["directive"],
  );
  const webSocketsOpen = new Gauge({ name: "cloakroom_websockets_open", help: "Open WebSockets", registers });
  const webSocketsClosed = counter(
    "websockets_closed_total",
    "Closed WebSockets by the side or limit that ended them",
    ["by"],
  );
  const sessionReads = { hit: 0, miss: 0, bypass: 0 };
  registerSessionReads(registry, sessionReads);
  const sessionChanges = counter("session_changes_total", "Session cache entries invalidated by Redis", []);
  const sessionCache = new Gauge({
    name: "cloakroom_session_cache_works",
    help: "1 while the session cache is in use",
    aggregator: "min",
    registers,
  });
  registerInfo(registry);
  const dependencies = createSources<() => Promise<CheckReport>>();
  registerDependencies(registry, async () => (await dependencies.all().at(-1)?.()) ?? { status: "ok", checks: {} });
  const streams = createSources<() => number>();
  registerGauge(registry, "event_streams", "Open event streams (/bff/events)", () =>
    streams.all().reduce((sum, count) => sum + count(), 0),
  );
  const upstreams = createSources<() => readonly UpstreamSnapshot[]>();
  registerUpstreams(registry, () => upstreams.all().flatMap((snapshot) => snapshot()));
  const metrics: Metrics = {
    ...createRequestMetrics(registry),
    refresh: (outcome) => refreshes.inc({ outcome }),
    login: (outcome) => logins.inc({ outcome }),
    bearer: (outcome) => bearers.inc({ outcome }),
    cspViolation: (directive) => cspViolations.inc({ directive }),
    rateLimit: countRateLimits(registry),
    csrfRejected: () => csrfRejections.inc(),
    registerDependencies: dependencies.add,
    registerEventStreams: streams.add,
    registerUpstreams: upstreams.add,
    webSocketOpened: () => webSocketsOpen.inc(),
    webSocketClosed(by) {
      webSocketsOpen.dec();
      webSocketsClosed.inc({ by });
    },
    sessionRead: (outcome) => void sessionReads[outcome]++,
    sessionChanged: () => sessionChanges.inc(),
    sessionCacheWorks: (works) => sessionCache.set(works ? 1 : 0),
  };
  return { metrics, registry };
}

function registerInfo(registry: Registry): void {
  const info = new Gauge({
    name: "cloakroom_application_info",
    help: "Always 1; the label is the application id, equal on all instances of one application",
    aggregator: "max",
    registers: [registry],
  });
  info.set(1);
}

/** During a reload an application has two instances for a while. */
function createSources<Source>() {
  const sources = new Set<Source>();
  return {
    all: () => [...sources],
    add(source: Source): () => void {
      sources.add(source);
      return () => void sources.delete(source);
    },
  };
}

function registerGauge(registry: Registry, name: string, help: string, count: () => number): void {
  const collect = function (this: Gauge): void {
    this.set(count());
  };
  new Gauge({ name: `cloakroom_${name}`, help, registers: [registry], collect });
}

function registerSessionReads(registry: Registry, reads: Readonly<Record<SessionReadOutcome, number>>): void {
  const collect = function (this: Counter): void {
    this.reset();
    for (const [outcome, count] of Object.entries(reads)) this.inc({ outcome }, count);
  };
  const help = "Session reads of API requests by cache outcome";
  new Counter({
    ...{ name: "cloakroom_session_reads_total", help, labelNames: ["outcome"], registers: [registry], collect },
  });
}
