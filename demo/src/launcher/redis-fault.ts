// Whether the Redis that a person named in REDIS_URL is there: said before anything is started, with the cure.
import { setTimeout as wait } from "node:timers/promises";
import { applicationId } from "../../../bff/src/application-id.ts";
import { createRedisStore, NO_ANSWER, storeFault } from "../../../bff/src/redis.ts";

/** A server that is just starting, or Sentinels that have to be asked, may take a moment. */
const PATIENCE_MS = 4_000;
const REFUSALS: ReadonlySet<string> = new Set(["WRONGPASS", "NOAUTH"]);
/** Words of a server: it is there. What it lacks the gateway knows better. */
const WORDS: ReadonlySet<string> = new Set(["NOPERM", "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN"]);

/** @returns undefined where it answers; also for what is no address of a Redis: that is the gateway's to say */
export async function redisFault(url: string, command: string): Promise<string | undefined> {
  let fault = NO_ANSWER;
  // What came of a fault is not the fault: a connection that was refused does not answer either.
  const onError = (error: unknown) => (fault = storeFault(error) === NO_ANSWER ? fault : storeFault(error));
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
      if (WORDS.has(fault)) return undefined;
      if (REFUSALS.has(fault)) return refused(url, fault);
      if (performance.now() > giveUpAtMs) return absent({ url, fault, command });
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

function refused(url: string, fault: string): string {
  return `The Redis at ${hostsOf(url)} refuses us (${fault}): correct user and password in REDIS_URL.`;
}

function absent({ url, fault, command }: { url: string; fault: string; command: string }): string {
  return (
    `REDIS_URL names ${hostsOf(url)}, where no Redis answers (${fault}): start one there, correct the address, or ` +
    `unset REDIS_URL, for ${command} needs none.`
  );
}

/** Without user and password. */
function hostsOf(url: string): string {
  return /^[^:]+:\/\/(?:[^/?]*@)?([^/?]+)/.exec(url)?.[1] ?? "an address";
}
