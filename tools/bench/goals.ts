// Compares the measurements with the performance goals.
import type { Results } from "./results.ts";
import type { Row } from "./rounds.ts";
import { median, medianInterval, ratios } from "./statistics.ts";

type Measurement = {
  value: number | undefined;
  /** Of a median over rounds. */
  interval?: readonly [low: number, high: number];
};
type Goal = { promise: string; bound: number; isAtMost: boolean; measured: Measurement };

const CONNECTIONS = 32;
const FORWARD_AUTH = "forward-auth";

export function goals(results: Results): string[] {
  const measured = all(results).filter((goal) => Number.isFinite(goal.measured.value));
  if (measured.length === 0) return [];
  return [
    "| goal | | measured (95 % interval of the median) | |",
    "|---|--:|--:|---|",
    ...measured.map(({ promise, bound, isAtMost, measured: { value = Number.NaN, interval } }) => {
      const range = interval === undefined ? "" : ` (${interval.map((end) => end.toFixed(2)).join("–")})`;
      const isReached = isAtMost ? value <= bound : value >= bound;
      return `| ${promise} | ${isAtMost ? "≤" : "≥"} ${bound} | ${value.toFixed(2)}${range} | ${isReached ? "reached" : "**not reached**"} |`;
    }),
    "",
  ];
}

function all(results: Results): Goal[] {
  const { streams, bodies, scaling, overload } = results;
  const of = (id: string, against: string, value: (row: Row) => number): Measurement => {
    const [rows, floor] = [rowsOf(results, id), rowsOf(results, against)];
    if (rows === undefined || floor === undefined) return { value: undefined };
    const paired = ratios(rows, floor, value);
    return { value: median(paired), interval: medianInterval(paired) };
  };
  const atMost = (promise: string, bound: number, measured: Measurement): Goal => ({
    ...{ promise, bound, isAtMost: true, measured },
  });
  const atLeast = (promise: string, bound: number, measured: Measurement): Goal => ({
    ...{ promise, bound, isAtMost: false, measured },
  });
  const cached = "cloakroom-cache";
  const body = bodies?.get(cached);
  const carried = bodies?.get(FORWARD_AUTH);
  const unloaded = overload?.[0]?.row.p99Ms;
  const worst = overload?.slice(1, -1).map(({ row }) => row.p99Ms);
  return [
    atMost("CPU per request with the session cache, bare = 1", 1.15, of(cached, "bare", cpu)),
    atMost("CPU per request with a Redis read on each, bare = 1", 2, of("cloakroom", "bare", cpu)),
    atMost(
      "p99, bare = 1",
      1.3,
      of(cached, "bare", (row) => row.p99Ms),
    ),
    atMost("CPU per request with fifty applications, one = 1", 1.05, of("cloakroom-50-apps", cached, cpu)),
    atMost("CPU per request with identity headers, without = 1", 1.05, of("cloakroom-identity", cached, cpu)),
    atMost("CPU per request of a machine client, of a session = 1", 1.05, of("cloakroom-bearer", cached, cpu)),
    atMost("nginx + forward-auth: CPU per request, bare = 1", 1.45, of(FORWARD_AUTH, "bare", cpu)),
    atMost("nginx + forward-auth: CPU per request, Cloakroom alone = 1", 1, of(FORWARD_AUTH, cached, cpu)),
    atMost(
      "nginx + forward-auth: CPU per request, nginx + oauth2-proxy = 1",
      0.5,
      of(FORWARD_AUTH, "oauth2-proxy-auth-request", cpu),
    ),
    atLeast("requests/s, tutorial gateway = 1", 4, of(cached, "tutorial", throughput)),
    atLeast("requests/s, mod_auth_openidc in shared memory = 1", 2, of(cached, "apache-shm", throughput)),
    atMost("CPU per request, oauth2-proxy = 1", 1, of(cached, "oauth2-proxy", cpu)),
    atLeast(
      "requests/s of two workers, one = 1",
      1.8,
      ratio(scaling?.two.requestsPerSecond, scaling?.one.requestsPerSecond),
    ),
    atMost("kB per idle event stream", 20, ratio(streams?.get(cached)?.bytesPerStream, 1000)),
    atMost("MB growth, 100 MB down", 64, ratio(body?.down.growthBytes, 1e6)),
    atMost("MB growth, 100 MB up", 64, ratio(body?.up.growthBytes, 1e6)),
    atMost("nginx + forward-auth: MB growth, 100 MB down", 8, ratio(carried?.down.growthBytes, 1e6)),
    atMost("nginx + forward-auth: MB growth, 100 MB up", 8, ratio(carried?.up.growthBytes, 1e6)),
    atMost("p99 under overload, without = 1", 2, ratio(worst && Math.max(...worst), unloaded)),
  ];
}

function rowsOf({ measured }: Results, id: string): readonly Row[] | undefined {
  return measured.find(({ contestant }) => contestant.id === id)?.rows.get(CONNECTIONS);
}

function ratio(value: number | undefined, to: number | undefined): Measurement {
  return { value: value === undefined || to === undefined ? undefined : value / to };
}

const throughput = (row: Row): number => row.requests / row.seconds;
const cpu = (row: Row): number => row.cpuMicrosecondsPerRequest;
