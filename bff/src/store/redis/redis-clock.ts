// Redis as the clock of all instances: who is asked for the time, and when.
import { Cluster } from "ioredis";
import type { RedisClient } from "./redis-connection.ts";
import { createStoreClock, type StoreClock } from "../store-clock.ts";

export type RedisClock = Pick<StoreClock, "nowMs" | "setBackAtMs"> & {
  /** Resolves once the time is known. @throws what asking throws */
  untilKnown(): Promise<void>;
  close(): void;
};

type Attempt = <T>(command: () => Promise<T>) => Promise<T>;

type Parts = {
  client: RedisClient;
  attempt: Attempt;
  /** The nodes of a Cluster have clocks of their own: all instances ask the master of this key's slot. */
  name: string;
};

const MEASURE_EVERY_MS = 5_000;

/** To be called before anything else listens for `ready`: then no other answer of a connection precedes the time. */
export function followRedisClock({ client, attempt, name }: Parts): RedisClock {
  const ask = (): Promise<unknown> =>
    client instanceof Cluster ? client.eval("return redis.call('TIME')", 1, name) : client.time();
  const clock = createStoreClock({ askMs: async () => millisecondsOf(await attempt(ask)) });
  // Without an answer the clock goes on by what was measured last.
  const measure = (): void => void clock.measure().catch(() => undefined);
  // Another server, perhaps, with another clock.
  client.on("ready", measure);
  const timer = setInterval(measure, MEASURE_EVERY_MS).unref();
  return {
    nowMs: clock.nowMs,
    setBackAtMs: clock.setBackAtMs,
    untilKnown: async () => (clock.isKnown() ? undefined : clock.measure()),
    close: () => clearInterval(timer),
  };
}

/** Seconds and microseconds. */
function millisecondsOf(time: unknown): number {
  const [seconds, microseconds] = (Array.isArray(time) ? time : []).map(Number);
  const ms = (seconds ?? Number.NaN) * 1_000 + (microseconds ?? Number.NaN) / 1_000;
  if (Number.isNaN(ms)) throw new TypeError("TIME was not answered with a time");
  return ms;
}
