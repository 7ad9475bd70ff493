// Whether the Redis that a person named in REDIS_URL is there: said before anything is started, with the cure.
import { setTimeout as wait } from "node:timers/promises";
import { applicationId } from "@cloakroom/gateway/src/lib/application-id.ts";
import {
  isRefusal,
  NO_RESPONSE,
  redisErrorCode,
  redisErrorText,
} from "@cloakroom/gateway/src/store/redis/redis-errors.ts";
import { createRedisStore } from "@cloakroom/gateway/src/store/redis/redis-store.ts";

/** A server that is just starting, or Sentinels that have to be asked, may take a moment. */
const PATIENCE_MS = 4_000;
/** The server responds; the gateway reports what it lacks. */
const LEFT_TO_THE_GATEWAY: ReadonlySet<string> = new Set([
  "NOPERM",
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
]);

/** @returns undefined where it answers; also for what is no address of a Redis: that is the gateway's to say */
export async function redisFault(url: string, command: string): Promise<string | undefined> {
  let reported: unknown;
  // A command that times out after a refused connection must not hide the refusal.
  const onError = (error: unknown) => (reported = redisErrorCode(error) === NO_RESPONSE ? reported : error);
  const store = openStore(url, onError);
  if (store === undefined) return undefined;
  const giveUpAtMs = performance.now() + PATIENCE_MS;
  const answers = () =>
    store.check().then(
      () => true,
      () => false,
    );
  try {
    while (!(await answers())) {
      const code = redisErrorCode(reported);
      if (LEFT_TO_THE_GATEWAY.has(code)) return undefined;
      if (isRefusal(code)) return unusable(url, reported);
      if (performance.now() > giveUpAtMs)
        return `${unusable(url, reported)} Or unset REDIS_URL, for ${command} needs none.`;
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

function unusable(url: string, error: unknown): string {
  return `The Redis at ${hostsOf(url)} that REDIS_URL names cannot be used. ${redisErrorText(error)}.`;
}

/** Without user and password. */
function hostsOf(url: string): string {
  return /^[^:]+:\/\/(?:[^/?]*@)?([^/?]+)/.exec(url)?.[1] ?? "an address";
}
