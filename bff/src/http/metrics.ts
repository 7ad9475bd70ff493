// What can be counted from outside: one registry per gateway, and one narrow function for each thing that happens.
// No label takes a value that a browser, a user or a provider chooses.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ErrorCode } from "../errors.ts";
import { watchUpstreams, type UpstreamSample } from "./upstream-metrics.ts";

export type { UpstreamSample } from "./upstream-metrics.ts";

export type RefreshOutcome = "renewed" | "rejected" | "unspent" | "unknown" | "fenced";
export type LoginOutcome = "completed" | "failed" | "unavailable";
export type WebSocketEnd = "browser" | "upstream" | "session" | "idle" | "lifetime" | "drain";
export type SessionReadOutcome = "hit" | "miss" | "bypass";
export type RouteClass = "api" | "bff" | "spa";
export type FinishedRequest = {
  route: RouteClass;
  method: string;
  status: number;
  durationMs: number;
  code: ErrorCode | undefined;
};

export type Metrics = {
  request(finished: FinishedRequest): void;
  refresh(outcome: RefreshOutcome): void;
  login(outcome: LoginOutcome): void;
  csrfRejected(): void;
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

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** Seconds. From a cached answer to the default headers timeout of an upstream. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: "cloakroom_" });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `cloakroom_${name}`, help, labelNames, registers });
  const requests = counter("requests_total", "Requests answered", ["route", "method", "status"]);
  const durations = new Histogram({
    name: "cloakroom_request_duration_seconds",
    help: "From the request's head to the end of its answer",
    labelNames: ["route"],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const errors = counter("errors_total", "Answers with an error code, e.g. store_unavailable", ["code"]);
  const refreshes = counter("refreshes_total", "Token refreshes by outcome", ["outcome"]);
  const logins = counter("logins_total", "Login attempts by outcome", ["outcome"]);
  const csrfRejections = counter("csrf_rejections_total", "Requests that did not come from the app", []);
  const webSocketsOpen = new Gauge({ name: "cloakroom_websockets_open", help: "WebSockets open now", registers });
  const webSocketsClosed = counter("websockets_closed_total", "WebSockets by who or what ended them", ["by"]);
  const sessionReads = counter("session_reads_total", "Sessions of API requests: hit is from memory", ["outcome"]);
  const sessionReadsOf = {
    hit: sessionReads.labels({ outcome: "hit" }),
    miss: sessionReads.labels({ outcome: "miss" }),
    bypass: sessionReads.labels({ outcome: "bypass" }),
  };
  const sessionChanges = counter("session_changes_total", "Changes of sessions that Redis told of", []);
  const sessionCache = new Gauge({
    name: "cloakroom_session_cache_works",
    help: "1 while sessions are served from memory",
    aggregator: "min",
    registers,
  });
  // Finding the series by its labels costs more than counting, and there are few of them.
  const counted = new Map<string, { inc: () => void }>();
  const countOf = (route: RouteClass, method: string, status: number) => {
    const name = `${route} ${method} ${status}`;
    const known = counted.get(name);
    if (known !== undefined) return known;
    const labels = { route, method: METHODS.has(method) ? method : "other", status: statusClass(status) };
    const series = requests.labels(labels);
    // Names come from browsers, series do not: what is no method of ours is looked up each time.
    if (METHODS.has(method)) counted.set(name, series);
    return series;
  };
  const durationOf: Record<RouteClass, { observe: (seconds: number) => void }> = {
    api: durations.labels({ route: "api" }),
    bff: durations.labels({ route: "bff" }),
    spa: durations.labels({ route: "spa" }),
  };
  return {
    request({ route, method, status, durationMs, code }) {
      countOf(route, method, status).inc();
      // A WebSocket's hours say nothing about how quickly we answer.
      if (status !== 101) durationOf[route].observe(durationMs / 1000);
      if (code !== undefined) errors.inc({ code });
    },
    refresh: (outcome) => refreshes.inc({ outcome }),
    login: (outcome) => logins.inc({ outcome }),
    csrfRejected: () => csrfRejections.inc(),
    watchEventStreams: (count) => watchNumber(registry, "event_streams", "Open streams of /bff/events", count),
    watchUpstreams: (sample) => watchUpstreams(registry, sample),
    webSocketOpened: () => webSocketsOpen.inc(),
    webSocketClosed(by) {
      webSocketsOpen.dec();
      webSocketsClosed.inc({ by });
    },
    sessionRead: (outcome) => sessionReadsOf[outcome].inc(),
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

function statusClass(status: number): string {
  // 499 keeps its own class: browsers that leave say something about us, not about them.
  return status === 499 ? "499" : `${Math.trunc(status / 100)}xx`;
}
