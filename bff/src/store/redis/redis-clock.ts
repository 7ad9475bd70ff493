// The Redis server's clock as the shared clock of all instances, measured by TIME every 5 s and after each connect.
import { Cluster } from "ioredis";
import type { RedisClient } from "./redis-connection.ts";
import { createStoreClock, type StoreClock } from "../store-clock.ts";

export type RedisClock = Pick<StoreClock, "nowMs" | "setBackAtMs"> & {
  /** Resolves after the first successful measurement. @throws GatewayError store_unavailable */
  untilKnown(): Promise<void>;
  close(): void;
};

type Attempt = <T>(command: () => Promise<T>) => Promise<T>;

type RedisClockOptions = {
  client: RedisClient;
  attempt: Attempt;
  /** Cluster nodes have different clocks, so all instances read the clock of the master that has this key's slot. */
  name: string;
  /** @returns a function that removes the listener */
  onReady: (listener: () => void) => () => void;
};

const MEASURE_EVERY_MS = 5_000;

/** Call it before other listeners of `ready` are added, so that TIME is the first command of a connection. */
export function followRedisClock({ client, attempt, name, onReady }: RedisClockOptions): RedisClock {
  const readTime = (): Promise<unknown> =>
    client instanceof Cluster ? client.eval("return redis.call('TIME')", 1, name) : client.time();
  const clock = createStoreClock({ readStoreMs: async () => millisecondsOf(await attempt(readTime)) });
  // After a failure the last measurement stays in use.
  const measure = (): void => void clock.measure().catch(() => undefined);
  // After a reconnect the server, and so its clock, may be another one.
  const stopListening = onReady(measure);
  if (client.status === "ready") measure();
  const timer = setInterval(measure, MEASURE_EVERY_MS).unref();
  return {
    nowMs: clock.nowMs,
    setBackAtMs: clock.setBackAtMs,
    untilKnown: async () => (clock.isKnown() ? undefined : clock.measure()),
    close() {
      stopListening();
      clearInterval(timer);
    },
  };
}

/** @param time reply of TIME: seconds and microseconds */
function millisecondsOf(time: unknown): number {
  const [seconds, microseconds] = (Array.isArray(time) ? time : []).map(Number);
  const ms = (seconds ?? Number.NaN) * 1_000 + (microseconds ?? Number.NaN) / 1_000;
  if (Number.isNaN(ms)) throw new TypeError("unexpected reply to TIME");
  return ms;
}
