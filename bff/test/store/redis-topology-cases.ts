// Every topology × TLS × authentication × address family against real servers. Each row uses commands, scripts,
// pub/sub and, except for Cluster, invalidations.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, type TestContext } from "vitest";
import { applicationId } from "../../src/lib/application-id.ts";
import type { RedisAccess } from "../../src/config/redis-access.ts";
import { redisErrorText } from "../../src/store/redis/redis-errors.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import {
  startTopology,
  writeTlsFiles,
  type Credentials,
  type Tls,
  type TlsFiles,
  type TopologyOptions,
} from "@cloakroom/testkit/redis-topologies.ts";

const folder = mkdtempSync(join(tmpdir(), "cloakroom-tls-"));
let files: TlsFiles;
beforeAll(() => void (files = writeTlsFiles(folder)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Characters with a meaning in URLs or shells. */
export const PASSWORD = "p@ss:w/o?r#d%41 +&=,;'\"\\`$[]{}|<>^~*é";
const TOPOLOGIES = ["single", "sentinel", "cluster"] as const;
const TLS: readonly Tls[] = ["plain", "tls", "mutual"];
const HOSTS = ["127.0.0.1", "[::1]", "localhost"] as const;
const CREDENTIALS: Readonly<Record<string, Credentials | undefined>> = {
  "no password": undefined,
  "a password": { password: PASSWORD },
  "an ACL user": { username: "cloakroom", password: PASSWORD },
};

export type TopologyCase = { title: string; isRepresentative: boolean; options: TopologyOptions };

/** All combinations. The representative ones (a Latin square) contain every pair of values once. */
export const TOPOLOGY_CASES: readonly TopologyCase[] = TOPOLOGIES.flatMap((topology, first) =>
  TLS.flatMap((tls, second) =>
    Object.entries(CREDENTIALS).flatMap(([name, credentials], third) =>
      HOSTS.map((host, fourth) => ({
        title: `${topology}, ${tls}, ${name}, ${host}`,
        isRepresentative: third === (first + second) % 3 && fourth === (first + 2 * second) % 3,
        options: { topology, tls, host, ...(credentials === undefined ? {} : { credentials }) },
      })),
    ),
  ),
);

function accessOf({ tls, sentinelPassword }: Pick<TopologyOptions, "tls" | "sentinelPassword">): RedisAccess {
  const { ca, cert, key } = files;
  return {
    tlsFiles: tls === "plain" ? undefined : tls === "tls" ? { ca } : { ca, cert, key },
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}

/** Starts the servers and runs every operation of the store. */
export async function expectStoreToWork(
  { expect, onTestFinished }: TestContext,
  options: TopologyOptions,
): Promise<void> {
  const redis = await startTopology(options, files);
  onTestFinished(redis.stop);
  const errors: unknown[] = [];
  const store = createRedisStore({
    application: applicationId("test"),
    url: redis.url(),
    timeoutMs: 1_000,
    access: accessOf(options),
    confirmReplicas: 0,
    onError: (error) => errors.push(error),
  });
  onTestFinished(store.close);
  await expect
    .poll(
      () =>
        store.check().then(
          () => "ready",
          (error: unknown) => redisErrorText((error as Error).cause),
        ),
      { timeout: 10_000 },
    )
    .toBe("ready");
  const key = randomBytes(32).toString("base64url");
  await store.create({ key, session: '{"n":1}', tokens: "sealed", idleMs: 60_000, maxMs: 60_000 });
  expect(await store.read(key)).toMatchObject({ tokens: "sealed" });
  const receivedEnd = new Promise((resolve) => store.onSessionEnd({ onEnd: resolve, onResubscribe: () => undefined }));
  await expect.poll(() => store.subscriptionError(), { timeout: 10_000 }).toBeUndefined();
  if (options.topology !== "cluster") {
    const feed = store.subscribeInvalidations!({
      onState: () => undefined,
      changed: () => undefined,
      anyChanged: () => undefined,
    });
    await expect.poll(() => feed.isConnected(), { timeout: 10_000 }).toBe(true);
  }
  await store.end(key, "logout");
  expect(await receivedEnd).toBe(key);
}
