// The sessions command on the session store, with the gateway's settings.
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import type { Config } from "../config/config.ts";
import { settingWords, type SettingWords } from "../config/setting-words.ts";
import { GatewayError } from "../errors.ts";
import { createLog, type Log } from "../logging/log.ts";
import { createKeycloakSessions } from "../provider/keycloak-sessions.ts";
import { createAdministration, type Administration } from "../session/administration.ts";
import type { UserName } from "../session/indexes.ts";
import type { PagePosition, SessionDescription } from "../session/session-list.ts";
import type { RedisClient } from "../store/redis/redis-connection.ts";
import { isRejection, NO_RESPONSE, redisErrorCode, redisErrorText } from "../store/redis/redis-errors.ts";
import { createRedisStore } from "../store/redis/redis-store.ts";
import { untilAcknowledged } from "../store/session-cache.ts";
import type { Store } from "../store/store.ts";
import { deleteUnnamedKeys, explainNothingFound } from "./list-applications.ts";
import { TargetError, type SessionsTarget, type Work } from "./sessions-target.ts";

/** No browser waits for a command, so it may take longer than a request. */
const COMMAND_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const PAGE_LIMIT = 500;

/** @throws TargetError */
export async function withStore(config: Config, url: string, work: Work): Promise<number> {
  // The log goes to stderr; stdout carries only the output of the command.
  const words = settingWords();
  const log = createLog("info", { destination: pino.destination({ dest: 2, sync: true }), words });
  let reported: unknown;
  const onError = (error: unknown) => {
    // Keep the rejection: a later time-out is a consequence.
    if (redisErrorCode(error) !== NO_RESPONSE) reported = error;
  };
  const { redisConfirmReplicas: confirmReplicas, redisAccess: access } = config;
  const store = createRedisStore({
    ...{ url, application: config.application.id, timeoutMs: COMMAND_TIMEOUT_MS, access, confirmReplicas, onError },
  });
  let isConnected = false;
  try {
    await retryUntilConnected(() => store.check());
    isConnected = true;
    // Retried as a whole: ending a session is idempotent, and the store's other connections may still be connecting.
    return await retryUntilConnected(() => work(targetFrom({ config, store, log, words })));
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new TargetError(words.sentence(errorInWords(reported)), isConnected);
  } finally {
    await store.close();
  }
}

/**
 * Retries for at most CONNECT_TIMEOUT_MS while Redis cannot be reached.
 * @throws GatewayError store_unavailable; immediately if Redis rejects the gateway
 */
async function retryUntilConnected<T>(attempt: () => Promise<T>): Promise<T> {
  const giveUpAtMs = performance.now() + CONNECT_TIMEOUT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isRejected = error instanceof GatewayError && isRejection(redisErrorCode(error.cause));
      if (!(error instanceof GatewayError) || isRejected || performance.now() > giveUpAtMs) throw error;
      await sleep(50);
    }
  }
}

type Dependencies = { config: Config; store: Store & { client: RedisClient }; log: Log; words: SettingWords };

function targetFrom({ config, store, log, words }: Dependencies): SessionsTarget {
  const { application, provider, keycloakAdmin, sessionMaxMs, sessionCacheMs } = config;
  const administration = createAdministration({
    ...{ store, log, sessionMaxMs },
    untilAcknowledged: sessionCacheMs > 0 ? untilAcknowledged : () => Promise.resolve(),
  });
  const keycloak = keycloakAdmin && createKeycloakSessions(provider, keycloakAdmin);
  return {
    ...{ application: application.id, isDerived: application.isDerived },
    issuer: provider.tenants === undefined ? provider.issuer : undefined,
    ...{ count: administration.count, list: (user) => listUser(administration, user) },
    endUser: administration.endUser,
    endProviderSession: administration.endProviderSession,
    endAll: administration.endAll,
    endAtProvider:
      keycloak &&
      (async (user) => {
        // The user of another tenant has no session at this realm.
        if (user.issuer !== provider.issuer) return undefined;
        try {
          await keycloak.endOfUser(user);
          log.security("provider_sessions_ended", { subject: user.subject });
          return undefined;
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          return words.sentence(`The user's sessions at Keycloak were not ended: ${error.reason ?? error.code}.`);
        }
      }),
    audit: (fields) => log.security("admin_ended_sessions", { application: application.id, ...fields }),
    async deleteOldFormat() {
      const count = await deleteUnnamedKeys(store.client);
      log.security("admin_ended_sessions", { reason: "delete-old-format", count });
      return count;
    },
    async explain() {
      const { code, text } = await explainNothingFound({ application, store });
      return { code, text: text === undefined ? undefined : words.sentence(text) };
    },
  };
}

async function listUser({ page }: Administration, user: UserName): Promise<SessionDescription[]> {
  const found: SessionDescription[] = [];
  let position: PagePosition | undefined;
  do {
    const { sessions, next } = await page({ filter: { user }, limit: PAGE_LIMIT, position });
    found.push(...sessions);
    position = next;
  } while (position !== undefined);
  return found;
}

function errorInWords(error: unknown): string {
  const code = redisErrorCode(error);
  if (code === "NOPERM")
    return "Redis rejected it (NOPERM): the Redis user lacks a permission. Listing all sessions needs `scan`, see docs/guides/manage-sessions.md.";
  if (isRejection(code)) return `${redisErrorText(error)}.`;
  return `${redisErrorText(error)}. Then repeat the command; it is idempotent.`;
}
