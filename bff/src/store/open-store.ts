// The session store that the configuration asks for, and what is logged about its connection.
import type { Config } from "../config/config.ts";
import type { Log } from "../logging/log.ts";
import { createMemoryStore } from "./memory-store.ts";
import { redisErrorCode, redisErrorText } from "./redis/redis-errors.ts";
import { createRedisStore } from "./redis/redis-store.ts";
import type { Store } from "./store.ts";

type StoreConfig = Pick<Config, "application" | "redisUrl" | "redisTimeoutMs" | "redisConfirmReplicas" | "redisAccess">;

/** @param onUnusable called once if the first server that responds would lose sessions, with one sentence */
export function openStore(config: StoreConfig, log: Log, onUnusable: (reason: string) => void): Store {
  const { application, redisUrl, redisTimeoutMs, redisConfirmReplicas, redisAccess } = config;
  if (redisUrl === undefined) {
    log.warn("sessions are kept in this process only: they end with it and are not shared. Set REDIS_URL");
    return createMemoryStore();
  }
  let lastStatus: string | undefined;
  let lastErrorCode: string | undefined;
  const store = createRedisStore({
    url: redisUrl,
    application: application.id,
    timeoutMs: redisTimeoutMs,
    access: redisAccess,
    confirmReplicas: redisConfirmReplicas,
    onStatus(status) {
      if (status === "ready" && lastStatus === undefined) void checkServer();
      if (status !== lastStatus) log[status === "ready" ? "info" : "error"](`the session store is ${status}`);
      lastStatus = status;
      // The same error after a working connection is logged again.
      if (status === "ready") lastErrorCode = undefined;
    },
    onError(error) {
      const code = redisErrorCode(error);
      if (code !== lastErrorCode) log.error("session store error", { code, reason: redisErrorText(error) });
      lastErrorCode = code;
    },
  });
  // Later changes of the server are reported by /readyz.
  async function checkServer(): Promise<void> {
    const reason = await store.check().catch(() => undefined);
    if (reason !== undefined) onUnusable(reason);
  }
  return store;
}
