// How many requests were answered and how quickly, counted in plain numbers: each request is counted, and few are asked
// about. They become metrics when somebody asks.
import { Counter, type Registry } from "prom-client";
import type { RouteClass } from "../lib/paths.ts";

export type RequestTally = {
  count(route: RouteClass, method: string, status: number): void;
  time(route: RouteClass, durationMs: number): void;
};

const ROUTES = ["api", "bff", "spa"] as const satisfies readonly RouteClass[];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
/** Where a status is counted: by its hundreds. 499 has a place of its own: browsers that leave say something about us. */
const CLASSES = ["499", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;
/** Seconds. From a cached answer to the default headers timeout of an upstream. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

const DURATION = {
  name: "cloakroom_request_duration_seconds",
  help: "From the request's head to the end of its answer",
} as const;

type Times = {
  /** How many fell into each bucket and in none of those below; the last place is for what took longer than all. */
  buckets: number[];
  sumSeconds: number;
};

export function createRequestTally(registry: Registry): RequestTally {
  const countsOf = (): number[] => CLASSES.map(() => 0);
  const counts = new Map(
    ROUTES.map((route) => [route, new Map([...METHODS, "other"].map((method) => [method as string, countsOf()]))]),
  );
  const times = new Map(
    ROUTES.map((route): [RouteClass, Times] => [
      route,
      { buckets: [...BUCKETS, Infinity].map(() => 0), sumSeconds: 0 },
    ]),
  );

  registerCounts(registry, counts);
  registerTimes(registry, times);
  return {
    count(route, method, status) {
      const ofRoute = counts.get(route);
      // Names come from browsers, series do not.
      const ofMethod = ofRoute?.get(method) ?? ofRoute?.get("other");
      const place = status === 499 ? 0 : Math.trunc(status / 100);
      if (ofMethod !== undefined) ofMethod[place] = (ofMethod[place] ?? 0) + 1;
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

function registerCounts(registry: Registry, counts: ReadonlyMap<RouteClass, ReadonlyMap<string, number[]>>): void {
  const requests = new Counter({
    name: "cloakroom_requests_total",
    help: "Requests answered",
    labelNames: ["route", "method", "status"],
    registers: [registry],
    collect: () => {
      requests.reset();
      for (const [route, ofRoute] of counts)
        for (const [method, ofMethod] of ofRoute)
          for (const [place, count] of ofMethod.entries())
            if (count > 0) requests.inc({ route, method, status: CLASSES[place] ?? "other" }, count);
    },
  });
}

/** A histogram of the library's can only be told of one observation after the other: this one is read off. */
function registerTimes(registry: Registry, times: ReadonlyMap<RouteClass, Times>): void {
  const valuesOf = ([route, { buckets, sumSeconds }]: [RouteClass, Times]) => {
    let count = 0;
    const cumulated = buckets.map((inBucket, index) => {
      count += inBucket;
      const labels = { le: BUCKETS[index] ?? "+Inf", route };
      return { labels, value: count, metricName: `${DURATION.name}_bucket` };
    });
    return [
      ...cumulated,
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
