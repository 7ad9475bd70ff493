// K7: every topology × TLS × authentication × address family against real servers. Each row uses commands, scripts,
// pub/sub and, except for Cluster, invalidations.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it, type TestContext } from "vitest";
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

/** Each of them means something in a URL or to a shell. */
const PASSWORD = "p@ss:w/o?r#d%41 +&=,;'\"\\`$[]{}|<>^~*é";
const TOPOLOGIES = ["single", "sentinel", "cluster"] as const;
const TLS: readonly Tls[] = ["plain", "tls", "mutual"];
const HOSTS = ["127.0.0.1", "[::1]", "localhost"] as const;
const CREDENTIALS: Readonly<Record<string, Credentials | undefined>> = {
  "no password": undefined,
  "a password": { password: PASSWORD },
  "an ACL user": { username: "cloakroom", password: PASSWORD },
};

const rows = TOPOLOGIES.flatMap((topology) =>
  TLS.flatMap((tls) =>
    Object.keys(CREDENTIALS).flatMap((credentials) =>
      HOSTS.map((host) => ({
        topology,
        tls,
        credentials,
        host,
        title: `${topology}, ${tls}, ${credentials}, ${host}`,
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

async function useEverything({ expect, onTestFinished }: TestContext, options: TopologyOptions): Promise<void> {
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
  const receivedEnd = new Promise((resolve) =>
    store.onSessionEnd({ onEnd: (ended) => resolve(ended), onResubscribe: () => undefined }),
  );
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

describe.concurrent("K7: the session store works with", () => {
  it.for(rows)("$title", async ({ topology, tls, credentials, host }, context) => {
    const chosen = CREDENTIALS[credentials];
    await useEverything(context, { topology, tls, host, ...(chosen === undefined ? {} : { credentials: chosen }) });
  });

  it.for([
    { tls: "plain", credentials: undefined },
    { tls: "tls", credentials: { password: PASSWORD } },
    { tls: "mutual", credentials: { username: "cloakroom", password: PASSWORD } },
  ] as const)("a Sentinel with a password of its own, $tls, servers with $credentials", async (row, context) => {
    const { tls, credentials } = row;
    const sentinelPassword = `sentinel's ${PASSWORD}`;
    const options = { topology: "sentinel", tls, host: "localhost", sentinelPassword } as const;
    await useEverything(context, credentials === undefined ? options : { ...options, credentials });
  });
});
