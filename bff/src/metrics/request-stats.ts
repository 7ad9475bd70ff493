// Request counts and durations, kept in plain arrays on the request path and converted to metrics on each scrape.
import { Counter, type Registry } from "prom-client";
import type { RouteKind } from "../lib/paths.ts";

export type RequestStats = {
  count(route: RouteKind, method: string, status: number): void;
  time(route: RouteKind, durationMs: number): void;
};

const ROUTES = ["upstream", "bff", "pages"] as const satisfies readonly RouteKind[];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
/** Status classes, at the index of their first digit. 499 (browser closed the connection) has index 0. */
const CLASSES = ["499", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;
/** Upper bounds in seconds: from a cached response to the default headers timeout of an upstream. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

const DURATION = {
  name: "cloakroom_request_duration_seconds",
  help: "Time from the request head to the end of the response",
} as const;

type Durations = {
  /** Requests per bucket, not cumulative; the last one has no upper bound. */
  buckets: number[];
  sumSeconds: number;
};

export function createRequestStats(registry: Registry): RequestStats {
  const countsOf = (): number[] => CLASSES.map(() => 0);
  const counts = new Map(
    ROUTES.map((route) => [route, new Map([...METHODS, "other"].map((method) => [method as string, countsOf()]))]),
  );
  const times = new Map(
    ROUTES.map((route): [RouteKind, Durations] => [
      route,
      { buckets: [...BUCKETS, Infinity].map(() => 0), sumSeconds: 0 },
    ]),
  );

  registerCounts(registry, counts);
  registerTimes(registry, times);
  return {
    count(route, method, status) {
      const ofRoute = counts.get(route);
      // The method is chosen by the browser, so unknown ones share one series.
      const ofMethod = ofRoute?.get(method) ?? ofRoute?.get("other");
      const index = status === 499 ? 0 : Math.trunc(status / 100);
      if (ofMethod !== undefined) ofMethod[index] = (ofMethod[index] ?? 0) + 1;
    },
    time(route, durationMs) {
      const ofRoute = times.get(route);
      if (ofRoute === undefined) return;
      const seconds = durationMs / 1000;
      let bucket = 0;
      while (seconds > (BUCKETS[bucket] ?? Infinity)) bucket++;
      ofRoute.buckets[bucket] = (ofRoute.buckets[bucket] ?? 0) + 1;
      ofRoute.sumSeconds += seconds;
    },
  };
}

function registerCounts(registry: Registry, counts: ReadonlyMap<RouteKind, ReadonlyMap<string, number[]>>): void {
  const requests = new Counter({
    name: "cloakroom_requests_total",
    help: "Requests by route class, method and status class",
    labelNames: ["route", "method", "status"],
    registers: [registry],
    collect: () => {
      requests.reset();
      for (const [route, ofRoute] of counts)
        for (const [method, ofMethod] of ofRoute)
          for (const [index, count] of ofMethod.entries())
            if (count > 0) requests.inc({ route, method, status: CLASSES[index] ?? "other" }, count);
    },
  });
}

/** prom-client's histogram takes single observations only; this metric exposes the counted buckets. */
function registerTimes(registry: Registry, times: ReadonlyMap<RouteKind, Durations>): void {
  const valuesOf = ([route, { buckets, sumSeconds }]: [RouteKind, Durations]) => {
    let count = 0;
    const cumulative = buckets.map((inBucket, index) => {
      count += inBucket;
      const labels = { le: BUCKETS[index] ?? "+Inf", route };
      return { labels, value: count, metricName: `${DURATION.name}_bucket` };
    });
    return [
      ...cumulative,
      { labels: { route }, value: sumSeconds, metricName: `${DURATION.name}_sum` },
      { labels: { route }, value: count, metricName: `${DURATION.name}_count` },
    ];
  };
  const metric = {
    ...DURATION,
    get: () => ({ ...DURATION, type: "histogram", values: [...times].flatMap(valuesOf), aggregator: "sum" }),
  };
  registry.registerMetric(metric as unknown as Parameters<Registry["registerMetric"]>[0]);
}
