// Checks that the Redis in REDIS_URL can be used, before anything starts.
import { setTimeout as wait } from "node:timers/promises";
import { applicationId } from "@cloakroom/gateway/src/lib/application-id.ts";
import {
  isRejection,
  NO_RESPONSE,
  redisErrorCode,
  redisErrorText,
} from "@cloakroom/gateway/src/store/redis/redis-errors.ts";
import { createRedisStore } from "@cloakroom/gateway/src/store/redis/redis-store.ts";

/** Covers a server that is starting and a Sentinel look-up. */
const checkTimeoutMs = 4_000;
/** Errors of a server that responds; the gateway's readiness check reports them. */
const REPORTED_BY_GATEWAY: ReadonlySet<string> = new Set([
  "NOPERM",
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
]);

/**
 * @returns the error message; undefined if Redis can be used, or if the URL is malformed, which the gateway reports
 */
export async function checkRedis(url: string, command: string): Promise<string | undefined> {
  let reported: unknown;
  // A command that times out after a connection error must not replace the more specific error.
  const onError = (error: unknown) => (reported = redisErrorCode(error) === NO_RESPONSE ? reported : error);
  const store = openStore(url, onError);
  if (store === undefined) return undefined;
  const deadlineMs = performance.now() + checkTimeoutMs;
  const isAvailable = () =>
    store.check().then(
      () => true,
      () => false,
    );
  try {
    while (!(await isAvailable())) {
      const code = redisErrorCode(reported);
      if (REPORTED_BY_GATEWAY.has(code)) return undefined;
      if (isRejection(code)) return errorMessage(url, reported);
      if (performance.now() > deadlineMs)
        return `${errorMessage(url, reported)} Or unset REDIS_URL: ${command} works without it.`;
      await wait(50);
    }
    return undefined;
  } finally {
    await store.close();
  }
}

function openStore(url: string, onError: (error: unknown) => void): ReturnType<typeof createRedisStore> | undefined {
  try {
    return createRedisStore({ application: applicationId("launcher"), url, timeoutMs: 1_000, onError });
  } catch {
    return undefined;
  }
}

function errorMessage(url: string, error: unknown): string {
  return `The Redis at ${hostsOf(url)} (REDIS_URL) cannot be used. ${redisErrorText(error)}.`;
}

/** Without user and password. */
function hostsOf(url: string): string {
  return /^[^:]+:\/\/(?:[^/?]*@)?([^/?]+)/.exec(url)?.[1] ?? "an address";
}
