// An unusable Redis is reported with its cause, however ioredis wraps it.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { applicationId } from "../../src/lib/application-id.ts";
import type { RedisAccess } from "../../src/config/redis-access.ts";
import { redisErrorCode, redisErrorText } from "../../src/store/redis/redis-errors.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import {
  startTopology,
  writeTlsFiles,
  type RunningTopology,
  type TlsFiles,
} from "@cloakroom/testkit/redis-topologies.ts";

const PASSWORD = "the-real-password";
const WRONG = "not-the-password";
const folder = mkdtempSync(join(tmpdir(), "cloakroom-tls-"));

type Servers = Record<
  | "open"
  | "protected"
  | "tls"
  | "mutual"
  | "otherName"
  | "sentinel"
  | "sentinelTls"
  | "sentinelProtected"
  | "cluster"
  | "clusterProtected"
  | "clusterTls"
  | "clusterOtherName",
  RunningTopology
>;
let files: TlsFiles;
let servers: Servers;
let closedPort: number;
let silent: { port: number; close: () => void };

beforeAll(async () => {
  files = writeTlsFiles(folder);
  const other = { ...files, cert: files.otherCert, key: files.otherKey };
  const host = "127.0.0.1";
  const credentials = { password: PASSWORD };
  const single = { topology: "single", tls: "plain", host } as const;
  const sentinel = { topology: "sentinel", tls: "plain", host } as const;
  const cluster = { topology: "cluster", tls: "plain", host } as const;
  const start = {
    open: () => startTopology(single, files),
    protected: () => startTopology({ ...single, credentials }, files),
    tls: () => startTopology({ ...single, tls: "tls" }, files),
    mutual: () => startTopology({ ...single, tls: "mutual" }, files),
    otherName: () => startTopology({ ...single, tls: "tls" }, other),
    sentinel: () => startTopology({ ...sentinel, credentials }, files),
    sentinelTls: () => startTopology({ ...sentinel, tls: "tls" }, files),
    sentinelProtected: () => startTopology({ ...sentinel, sentinelPassword: PASSWORD }, files),
    cluster: () => startTopology(cluster, files),
    clusterProtected: () => startTopology({ ...cluster, credentials }, files),
    clusterTls: () => startTopology({ ...cluster, tls: "tls" }, files),
    clusterOtherName: () => startTopology({ ...cluster, tls: "tls" }, other),
  } satisfies Record<keyof Servers, () => Promise<RunningTopology>>;
  const started = await Promise.all(Object.entries(start).map(async ([name, run]) => [name, await run()] as const));
  servers = Object.fromEntries(started) as Servers;
  closedPort = await freePort();
  silent = await startSilentServer();
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  silent.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startSilentServer() {
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

type Row = {
  url: () => string;
  code: string | RegExp;
  access?: () => RedisAccess;
};
const withCa = () => ({ tlsFiles: { ca: files.ca } });
const withStrangerCa = () => ({ tlsFiles: { ca: files.strangerCa } });
const password = (value: string) => `:${value}@`;

const UNTRUSTED = /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/;

const rows: Record<string, Row> = {
  "one server, nothing listens": { url: () => `redis://127.0.0.1:${closedPort}`, code: "ECONNREFUSED" },
  "one server, unknown host name": { url: () => "redis://nowhere.invalid:6379", code: /^(ENOTFOUND|EAI_AGAIN)$/ },
  "one server, password missing": { url: () => servers.protected.url(""), code: "NOAUTH" },
  "one server, wrong password": { url: () => servers.protected.url(password(WRONG)), code: "WRONGPASS" },
  "one server, unknown user": { url: () => servers.open.url(`joe:${WRONG}@`), code: "WRONGPASS" },
  "one server, no such database": { url: () => `${servers.open.url()}/99`, code: "NO_SUCH_DATABASE" },
  "one server, plain text to a TLS port": {
    url: () => servers.tls.url().replace("rediss", "redis"),
    code: /^(ECONNRESET|EPIPE)$/,
  },
  "one server, TLS to a plain port": {
    url: () => servers.open.url().replace("redis", "rediss"),
    code: /^(ETIMEDOUT|EPROTO|ECONNRESET|ERR_SSL_.*)$/,
  },
  "one server, CA unknown": { url: () => servers.tls.url(), code: UNTRUSTED },
  "one server, another CA": { url: () => servers.tls.url(), access: withStrangerCa, code: /CERT|SIGN/ },
  "one server, certificate of another name": {
    url: () => servers.otherName.url(),
    access: withCa,
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  },
  "one server, client certificate missing": {
    url: () => servers.mutual.url(),
    access: withCa,
    code: /^(ERR_SSL_.*|ECONNRESET|EPROTO)$/,
  },
  "one server that accepts connections and sends nothing": {
    url: () => `redis://127.0.0.1:${silent.port}`,
    code: "NO_RESPONSE",
  },
  "Sentinel, nothing listens": { url: () => `redis+sentinel://127.0.0.1:${closedPort}/main`, code: "ECONNREFUSED" },
  "Sentinel, unknown host name": {
    url: () => "redis+sentinel://nowhere.invalid/main",
    code: /^(ENOTFOUND|EAI_AGAIN)$/,
  },
  "Sentinel, its password missing": { url: () => servers.sentinelProtected.url(), code: "NOAUTH" },
  "Sentinel, its password wrong": {
    url: () => servers.sentinelProtected.url(),
    access: () => ({ sentinelPassword: WRONG }),
    code: "WRONGPASS",
  },
  "Sentinel, password of the servers missing": { url: () => servers.sentinel.url(""), code: "NOAUTH" },
  "Sentinel, password of the servers wrong": { url: () => servers.sentinel.url(password(WRONG)), code: "WRONGPASS" },
  "Sentinel, unknown master": { url: () => servers.sentinel.url().replace(/main$/, "other"), code: "UNKNOWN_MASTER" },
  "Sentinel, the port of a server": {
    url: () => servers.open.url().replace("redis:", "redis+sentinel:"),
    code: "NOT_A_SENTINEL",
  },
  "Sentinel, CA unknown": { url: () => servers.sentinelTls.url(), code: UNTRUSTED },
  "Sentinel, plain text to a TLS port": {
    url: () => servers.sentinelTls.url().replace("rediss", "redis"),
    code: /^(ECONNRESET|EPIPE)$/,
  },
  "Cluster, nothing listens": { url: () => `redis+cluster://127.0.0.1:${closedPort}`, code: "ECONNREFUSED" },
  "Cluster, unknown host name": { url: () => "redis+cluster://nowhere.invalid:6379", code: /^(ENOTFOUND|EAI_AGAIN)$/ },
  "Cluster, password missing": { url: () => servers.clusterProtected.url(""), code: "NOAUTH" },
  "Cluster, wrong password": { url: () => servers.clusterProtected.url(password(WRONG)), code: "WRONGPASS" },
  "Cluster, one server that is none": {
    url: () => servers.open.url().replace("redis:", "redis+cluster:"),
    code: "NOT_A_CLUSTER",
  },
  "Cluster, CA unknown": { url: () => servers.clusterTls.url(), code: UNTRUSTED },
  "Cluster, certificate of another name": {
    url: () => servers.clusterOtherName.url(),
    access: withCa,
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  },
  "Cluster, plain text to a TLS port": {
    url: () => servers.clusterTls.url().replace("rediss", "redis"),
    code: /^(ECONNRESET|EPIPE|ERR_SSL.*)$/,
  },
  "Cluster, TLS to a plain port": {
    url: () => servers.cluster.url().replace("redis", "rediss"),
    code: /^(ETIMEDOUT|EPROTO|ECONNRESET|ERR_SSL_.*)$/,
  },
};

describe.concurrent("an unusable Redis", () => {
  it.for(Object.entries(rows))(
    "an unusable Redis is reported with its cause: %s",
    async ([, { url, access, code }], { expect, onTestFinished }) => {
      const errors: unknown[] = [];
      const store = createRedisStore({
        application: applicationId("test"),
        url: url(),
        timeoutMs: 400,
        access: access?.(),
        confirmReplicas: 0,
        onError: (error) => errors.push(error),
      });
      onTestFinished(store.close);
      const reported = () =>
        store.check().then(
          () => undefined,
          (error: Error) => error.cause,
        );
      const expected = typeof code === "string" ? new RegExp(`^${code}$`) : code;
      await expect.poll(async () => redisErrorCode(await reported()), { timeout: 15_000 }).toMatch(expected);
      const text = redisErrorText(await reported());
      expect(text).toMatch(/\. .*\([A-Z_0-9]+\)$/);
      for (const each of [text, ...errors.map(redisErrorText)]) {
        expect(each).not.toContain(PASSWORD);
        expect(each).not.toContain(WRONG);
      }
    },
  );

  it("the Redis store uses no other database than the configured one", async ({ expect, onTestFinished }) => {
    const codes: string[] = [];
    const store = createRedisStore({
      application: applicationId("test"),
      url: `${servers.open.url()}/99`,
      timeoutMs: 400,
      onError: (error) => codes.push(redisErrorCode(error)),
    });
    onTestFinished(store.close);
    // Every connection is refused. With database 0 the first one would stay open.
    const rejected = () => codes.filter((code) => code === "NO_SUCH_DATABASE").length;
    await expect.poll(rejected, { timeout: 10_000 }).toBeGreaterThan(2);
  });

  it("the store check names redis+cluster:// for a server that belongs to a Cluster", async ({
    expect,
    onTestFinished,
  }) => {
    const store = createRedisStore({
      application: applicationId("test"),
      url: servers.cluster.url().replace("+cluster", ""),
      timeoutMs: 1_000,
    });
    onTestFinished(store.close);
    const check = () => store.check().catch(() => "not connected yet");
    await expect
      .poll(check, { timeout: 10_000 })
      .toMatch(/^REDIS_URL points to a node of a Cluster.*redis\+cluster:\/\//);
  });
});
