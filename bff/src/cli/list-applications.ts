// Counts the sessions of every application on a Redis, to explain a command that found none. Also deletes the keys of
// releases without application ids.
import type { Application } from "../lib/application-id.ts";
import { createDeadline } from "../store/deadline.ts";
import { GatewayError } from "../errors.ts";
import type { RedisClient } from "../store/redis/redis-connection.ts";
import { ANY_APPLICATION_SESSION, ANY_UNNAMED_KEY, applicationOfSession } from "../store/redis/redis-names.ts";
import { scanNames } from "../store/redis/redis-scan.ts";
import { redisErrorCode } from "../store/redis/redis-errors.ts";
import type { Store } from "../store/store.ts";

/** Number of sessions by application id; "" stands for the format without ids. */
type SessionCounts = ReadonlyMap<string, number>;

const COMMAND_TIMEOUT_MS = 5_000;
const inTime = createDeadline(COMMAND_TIMEOUT_MS);

async function attempt<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await inTime(command());
  } catch (error) {
    throw new GatewayError("store_unavailable", { cause: error });
  }
}

/** @throws GatewayError store_unavailable */
async function countByApplication(client: RedisClient): Promise<SessionCounts> {
  // A Set, because SCAN may return a key twice.
  const sessions = new Map<string, Set<string>>();
  for await (const names of scanNames(client, attempt, ANY_APPLICATION_SESSION))
    for (const name of names) {
      const application = applicationOfSession(name);
      if (application === undefined) continue;
      sessions.set(application, (sessions.get(application) ?? new Set<string>()).add(name));
    }
  return new Map([...sessions].map(([application, names]) => [application, names.size]));
}

/** Deletes all keys without an application id, not only sessions. @returns the number of deleted keys */
export async function deleteUnnamedKeys(client: RedisClient): Promise<number> {
  let deleted = 0;
  for await (const names of scanNames(client, attempt, ANY_UNNAMED_KEY)) {
    // One DEL per key: in a Cluster the keys are in different slots.
    const counts = await Promise.all(names.map((name) => attempt(() => client.del(name))));
    deleted += counts.reduce((sum, count) => sum + count, 0);
  }
  return deleted;
}

export type Explanation = {
  /** Exit code; 1 if the command probably addressed the wrong application. */
  code: 0 | 1;
  /** Undefined if the application has sessions. */
  text: string | undefined;
};

type ExplanationSources = { application: Application; store: Pick<Store, "listAll"> & { client: RedisClient } };

/**
 * Explains why a command found no session. Scans the other applications only if its own has none.
 * @throws GatewayError store_unavailable
 */
export async function explainNothingFound({ application, store }: ExplanationSources): Promise<Explanation> {
  try {
    for await (const keys of store.listAll()) if (keys.length > 0) return { code: 0, text: undefined };
    return explain(application, await countByApplication(store.client));
  } catch (error) {
    if (!(error instanceof GatewayError) || redisErrorCode(error.cause) !== "NOPERM") throw error;
    const { id, isDerived } = application;
    const text = `It is unknown whether application ${id} has sessions on this Redis: the Redis user lacks \`scan\`.`;
    return { code: 0, text: isDerived ? `${text} ${HOW_TO_NAME}` : text };
  }
}

function explain({ id, isDerived }: Application, counts: SessionCounts): Explanation {
  const others = [...counts].filter(([application]) => application !== "");
  const isWrong = isDerived && others.length > 0;
  const text = [
    `Application ${id} has no session on this Redis.`,
    others.length === 0
      ? "No other application has sessions either."
      : `Applications with sessions: ${others.map(([application, count]) => `${application} ${count}`).join(", ")}.`,
    ...(counts.has("")
      ? [`${counts.get("")} sessions of an older format are ignored (delete-old-format deletes them).`]
      : []),
    ...(isWrong ? [HOW_TO_NAME] : []),
  ].join(" ");
  return { code: isWrong ? 1 : 0, text };
}

const HOW_TO_NAME =
  "The id was derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. Set them to the gateway's values, or pass the " +
  "id with --app (the gateway's log and /readyz show it).";
