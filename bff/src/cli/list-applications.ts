// Which applications have sessions on a Redis: their ids and how many, for the administrator whose command found none.
// Also removes what releases without application ids have left there.
import type { Application } from "../lib/application-id.ts";
import { createDeadline } from "../store/deadline.ts";
import { GatewayError } from "../errors.ts";
import type { RedisClient } from "../store/redis/redis-connection.ts";
import { ANY_APPLICATION_SESSION, ANY_UNNAMED_KEY, applicationOfSession } from "../store/redis/redis-names.ts";
import { scanNames } from "../store/redis/redis-scan.ts";
import { redisErrorCode } from "../store/redis/redis-errors.ts";
import type { Store } from "../store/store.ts";

/** Sessions by application id; "" for those of the format without ids. */
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
  // A set: SCAN may return a key twice.
  const sessions = new Map<string, Set<string>>();
  for await (const names of scanNames(client, attempt, ANY_APPLICATION_SESSION))
    for (const name of names) {
      const application = applicationOfSession(name);
      if (application === undefined) continue;
      sessions.set(application, (sessions.get(application) ?? new Set<string>()).add(name));
    }
  return new Map([...sessions].map(([application, names]) => [application, names.size]));
}

/** Deletes all keys without an application id, of sessions and of everything else. @returns how many */
export async function deleteUnnamedKeys(client: RedisClient): Promise<number> {
  let deleted = 0;
  for await (const names of scanNames(client, attempt, ANY_UNNAMED_KEY)) {
    // One by one: in a Cluster they are in different slots.
    const counts = await Promise.all(names.map((name) => attempt(() => client.del(name))));
    deleted += counts.reduce((sum, count) => sum + count, 0);
  }
  return deleted;
}

export type Explanation = {
  /** 1 where the command has probably addressed the wrong application. */
  code: 0 | 1;
  /** Undefined where there is nothing to explain. */
  text: string | undefined;
};

type Parts = { application: Application; store: Pick<Store, "listAll"> & { client: RedisClient } };

/**
 * What a command says that found no session. Looks at other applications only where its own has none at all.
 * @throws GatewayError store_unavailable
 */
export async function explainNothingFound({ application, store }: Parts): Promise<Explanation> {
  try {
    for await (const keys of store.listAll()) if (keys.length > 0) return { code: 0, text: undefined };
    return explain(application, await countByApplication(store.client));
  } catch (error) {
    if (!(error instanceof GatewayError) || redisErrorCode(error.cause) !== "NOPERM") throw error;
    const { id, isDerived } = application;
    const text = `Whether application ${id} has any session on this Redis is unknown: the Redis user may not \`scan\`.`;
    return { code: 0, text: isDerived ? `${text} ${HOW_TO_NAME}` : text };
  }
}

function explain({ id, isDerived }: Application, counts: SessionCounts): Explanation {
  const others = [...counts].filter(([application]) => application !== "");
  const isWrong = isDerived && others.length > 0;
  const text = [
    `Application ${id} has no session on this Redis.`,
    others.length === 0
      ? "No other application has one either."
      : `These have: ${others.map(([application, count]) => `${application} ${count}`).join(", ")}.`,
    ...(counts.has("") ? [`${counts.get("")} of an older format are not read any more (delete-old-format).`] : []),
    ...(isWrong ? [HOW_TO_NAME] : []),
  ].join(" ");
  return { code: isWrong ? 1 : 0, text };
}

const HOW_TO_NAME =
  "The id was derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. Set them as the gateway has them, or name " +
  "the application with --app (the gateway's log and /readyz show its id).";
