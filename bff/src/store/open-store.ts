// The session stores that the configuration asks for, one per application, on the connections of the process; and what is
// logged about them.
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerConfig } from "../config/config.ts";
import type { ApplicationId } from "../lib/application-id.ts";
import type { Log } from "../logging/log.ts";
import { createMemoryStore } from "./memory-store.ts";
import { redisErrorCode, redisErrorText } from "./redis/redis-errors.ts";
import { connectRedisServer } from "./redis/redis-server.ts";
import { createApplicationStore } from "./redis/redis-store.ts";
import type { Store } from "./store.ts";

export type Stores = {
  /** @returns the store of this application: the same one until `release` */
  of(application: ApplicationId): Store;
  /** Closes the application's store. */
  release(application: ApplicationId): Promise<void>;
  /** @returns undefined if the server is usable, otherwise one sentence. @throws GatewayError store_unavailable */
  check(): Promise<string | undefined>;
  close(): Promise<void>;
};

/** How long a start waits for the store, so that the first requests find it connected. */
const STORE_WAIT_MS = 1_000;

/**
 * Without a store a gateway starts as well: requests that need it get 503.
 * @returns one sentence if the store responds and would lose sessions
 */
export async function waitForStore(stores: Pick<Stores, "check">): Promise<string | undefined> {
  const deadlineMs = performance.now() + STORE_WAIT_MS;
  while (performance.now() < deadlineMs) {
    try {
      return await stores.check();
    } catch {
      await sleep(20);
    }
  }
  return undefined;
}

type StoreConfig = Pick<ServerConfig, "redisUrl" | "redisTimeoutMs" | "redisConfirmReplicas" | "redisAccess">;

/** @param onUnusable called once if the first server that responds would lose sessions, with one sentence */
export function openStores(config: StoreConfig, log: Log, onUnusable: (reason: string) => void): Stores {
  const { redisUrl } = config;
  if (redisUrl === undefined) {
    log.warn("sessions are kept in this process only: they end with it and are not shared. Set REDIS_URL");
    return storesOf(() => createMemoryStore());
  }
  const server = connectServer({ ...config, redisUrl }, log, onUnusable);
  const stores = storesOf((application) => createApplicationStore(server, application));
  return {
    ...stores,
    check: server.check,
    async close() {
      await stores.close();
      server.close();
    },
  };
}

function storesOf(create: (application: ApplicationId) => Store): Stores {
  const stores = new Map<ApplicationId, Store>();
  const release = async (application: ApplicationId): Promise<void> => {
    const store = stores.get(application);
    stores.delete(application);
    await store?.close();
  };
  return {
    of(application) {
      const store = stores.get(application) ?? create(application);
      stores.set(application, store);
      return store;
    },
    release,
    check: () => Promise.resolve(undefined),
    close: async () => void (await Promise.all([...stores.keys()].map(release))),
  };
}

function connectServer(config: StoreConfig & { redisUrl: string }, log: Log, onUnusable: (reason: string) => void) {
  let lastStatus: string | undefined;
  let lastErrorCode: string | undefined;
  const server = connectRedisServer({
    url: config.redisUrl,
    timeoutMs: config.redisTimeoutMs,
    access: config.redisAccess,
    confirmReplicas: config.redisConfirmReplicas,
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
    const reason = await server.check().catch(() => undefined);
    if (reason !== undefined) onUnusable(reason);
  }
  return server;
}
