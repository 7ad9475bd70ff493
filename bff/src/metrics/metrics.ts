// What can be counted from outside: one registry per gateway, and one narrow function for each thing that happens.
// No label takes a value that a browser, a user or a provider chooses.
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { ErrorCode } from "../errors.ts";
import type { RouteClass } from "../lib/paths.ts";
import { watchDependencies } from "./dependency-metrics.ts";
import type { CheckReport } from "./dependency-check.ts";
import { createRequestTally } from "./request-stats.ts";
import { watchUpstreams, type UpstreamSample } from "./upstream-metrics.ts";

export type { UpstreamSample } from "./upstream-metrics.ts";

export type RefreshOutcome = "renewed" | "rejected" | "unspent" | "unusable" | "unknown" | "fenced";
export type LoginOutcome = "completed" | "failed" | "unavailable";
export type WebSocketEnd = "browser" | "upstream" | "session" | "idle" | "lifetime" | "drain";
export type SessionReadOutcome = "hit" | "miss" | "bypass";
export type FinishedRequest = {
  route: RouteClass;
  method: string;
  status: number;
  durationMs: number;
  code: ErrorCode | undefined;
};

export type Metrics = {
  /** Which application this instance belongs to. */
  application(id: string): void;
  request(finished: FinishedRequest): void;
  refresh(outcome: RefreshOutcome): void;
  login(outcome: LoginOutcome): void;
  csrfRejected(): void;
  /** Runs on each scrape. */
  watchDependencies(report: () => Promise<CheckReport>): void;
  /** Asked only when somebody asks us. */
  watchEventStreams(count: () => number): void;
  /** Asked only when somebody asks us: nothing is counted twice on a request's way. */
  watchUpstreams(sample: () => readonly UpstreamSample[]): void;
  webSocketOpened(): void;
  /** @param by who or what ended it */
  webSocketClosed(by: WebSocketEnd): void;
  sessionRead(outcome: SessionReadOutcome): void;
  sessionChanged(): void;
  sessionCacheWorks(works: boolean): void;
  contentType: string;
  /** The exposition text. */
  scrape(): Promise<string>;
  /** For a process that adds up several. */
  sample(): Promise<object[]>;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: "cloakroom_" });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `cloakroom_${name}`, help, labelNames, registers });
  const requests = createRequestTally(registry);
  const errors = counter("errors_total", "Answers with an error code, e.g. store_unavailable", ["code"]);
  const refreshes = counter("refreshes_total", "Token refreshes by outcome", ["outcome"]);
  const logins = counter("logins_total", "Login attempts by outcome", ["outcome"]);
  const csrfRejections = counter("csrf_rejections_total", "Requests that did not come from the app", []);
  const webSocketsOpen = new Gauge({ name: "cloakroom_websockets_open", help: "WebSockets open now", registers });
  const webSocketsClosed = counter("websockets_closed_total", "WebSockets by who or what ended them", ["by"]);
  const sessionReads = { hit: 0, miss: 0, bypass: 0 };
  watchSessionReads(registry, sessionReads);
  const sessionChanges = counter("session_changes_total", "Changes of sessions that Redis told of", []);
  const sessionCache = new Gauge({
    name: "cloakroom_session_cache_works",
    help: "1 while sessions are served from memory",
    aggregator: "min",
    registers,
  });
  const application = new Gauge({
    name: "cloakroom_application_info",
    help: "Always 1; the label is the application id, which all instances of one application share",
    labelNames: ["application"],
    aggregator: "max",
    registers,
  });
  return {
    application: (id) => application.set({ application: id }, 1),
    request({ route, method, status, durationMs, code }) {
      requests.count(route, method, status);
      // A WebSocket's hours say nothing about how quickly we answer.
      if (status !== 101) requests.time(route, durationMs);
      if (code !== undefined) errors.inc({ code });
    },
    refresh: (outcome) => refreshes.inc({ outcome }),
    login: (outcome) => logins.inc({ outcome }),
    csrfRejected: () => csrfRejections.inc(),
    watchDependencies: (report) => watchDependencies(registry, report),
    watchEventStreams: (count) => watchNumber(registry, "event_streams", "Open streams of /bff/events", count),
    watchUpstreams: (sample) => watchUpstreams(registry, sample),
    webSocketOpened: () => webSocketsOpen.inc(),
    webSocketClosed(by) {
      webSocketsOpen.dec();
      webSocketsClosed.inc({ by });
    },
    sessionRead: (outcome) => void sessionReads[outcome]++,
    sessionChanged: () => sessionChanges.inc(),
    sessionCacheWorks: (works) => sessionCache.set(works ? 1 : 0),
    contentType: registry.contentType,
    scrape: () => registry.metrics(),
    sample: () => registry.getMetricsAsJSON(),
  };
}

function watchNumber(registry: Registry, name: string, help: string, count: () => number): void {
  const collect = function (this: Gauge): void {
    this.set(count());
  };
  new Gauge({ name: `cloakroom_${name}`, help, registers: [registry], collect });
}

function watchSessionReads(registry: Registry, reads: Readonly<Record<SessionReadOutcome, number>>): void {
  const collect = function (this: Counter): void {
    this.reset();
    for (const [outcome, count] of Object.entries(reads)) this.inc({ outcome }, count);
  };
  const help = "Sessions of API requests: hit is from memory";
  new Counter({
    ...{ name: "cloakroom_session_reads_total", help, labelNames: ["outcome"], registers: [registry], collect },
  });
}
