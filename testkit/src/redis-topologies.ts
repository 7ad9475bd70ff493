// Redis in every topology of REDIS_URL: single server, Sentinel, Cluster of one node. Each with or without TLS and
// credentials, on any loopback address.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { testAuthority } from "./certificates.ts";
import { startSentinelProcess } from "./redis-sentinel.ts";

export type Topology = "single" | "sentinel" | "cluster";
/** `mutual`: the server requires a client certificate. */
export type Tls = "plain" | "tls" | "mutual";
export type Credentials = { username?: string; password: string };

export type TopologyOptions = {
  topology: Topology;
  tls: Tls;
  /** Host in the URL and in the addresses that Sentinel or Cluster announce. */
  host: "127.0.0.1" | "[::1]" | "localhost";
  credentials?: Credentials;
  /** Password of the Sentinel. */
  sentinelPassword?: string;
};

export type RunningTopology = {
  /** REDIS_URL. @param userInfo replaces the configured credentials */
  url: (userInfo?: string) => string;
  /** host:port in the URL. */
  server: string;
  stop: () => Promise<void>;
};

const MASTER = "main";

export type TlsFiles = {
  ca: string;
  cert: string;
  key: string;
  namedCert: string;
  namedKey: string;
  strangerCa: string;
  otherCert: string;
  otherKey: string;
};

/** Writes a CA and certificates for 127.0.0.1 and ::1, for localhost, and for another host name. */
export function writeTlsFiles(folder: string): TlsFiles {
  const authority = testAuthority();
  const own = authority.issue("127.0.0.1", "::1");
  const named = authority.issue("localhost");
  const other = authority.issue("redis.test");
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  return {
    ca: file("ca.pem", authority.cert),
    cert: file("cert.pem", own.cert),
    key: file("key.pem", own.key),
    namedCert: file("named-cert.pem", named.cert),
    namedKey: file("named-key.pem", named.key),
    strangerCa: file("stranger.pem", testAuthority("another CA").cert),
    otherCert: file("other-cert.pem", other.cert),
    otherKey: file("other-key.pem", other.key),
  };
}

export async function startTopology(options: TopologyOptions, tlsFiles: TlsFiles): Promise<RunningTopology> {
  const files =
    options.host === "localhost" ? { ...tlsFiles, cert: tlsFiles.namedCert, key: tlsFiles.namedKey } : tlsFiles;
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-topology-"));
  const { topology, tls, host } = options;
  const [port, tlsPort, busPort] = [await freePort(), await freePort(), await freePort()];
  const bare = host.replace(/[[\]]/g, "");
  const args = ["--dir", folder, "--bind", "127.0.0.1", "::1", ...tlsArguments(tls, tlsPort, files)];
  if (topology === "cluster") args.push(...clusterArguments(options, bare, busPort));
  const server = await startRedisServer({ port, args });
  await withClient(port, async (client) => {
    if (topology === "cluster") await client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    if (options.credentials !== undefined) await protect(client, options.credentials);
  });
  const named = tls === "plain" ? port : tlsPort;
  const sentinel =
    topology === "sentinel" ? await startSentinel(options, { folder, host: bare, port: named, files }) : undefined;
  const address = `${host}:${sentinel?.port ?? named}`;
  const plus = topology === "single" ? "" : `+${topology}`;
  const path = topology === "sentinel" ? `/${MASTER}` : "";
  return {
    url: (userInfo = userInfoOf(options.credentials)) =>
      `${tls === "plain" ? "redis" : "rediss"}${plus}://${userInfo}${address}${path}`,
    server: address.replace(/[[\]]/g, ""),
    async stop() {
      await sentinel?.stop();
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function userInfoOf(credentials: Credentials | undefined): string {
  if (credentials === undefined) return "";
  return `${encodeURIComponent(credentials.username ?? "")}:${encodeURIComponent(credentials.password)}@`;
}

function tlsArguments(tls: Tls, port: number, files: TlsFiles): string[] {
  if (tls === "plain") return [];
  const clients = tls === "mutual" ? "yes" : "no";
  return Object.entries({
    "tls-port": String(port),
    "tls-cert-file": files.cert,
    "tls-key-file": files.key,
    "tls-ca-cert-file": files.ca,
    "tls-auth-clients": clients,
  }).flatMap(([name, value]) => [`--${name}`, value]);
}

function clusterArguments({ tls, host }: TopologyOptions, bare: string, busPort: number): string[] {
  const announced =
    host === "localhost"
      ? ["--cluster-announce-hostname", host, "--cluster-preferred-endpoint-type", "hostname"]
      : ["--cluster-announce-ip", bare];
  const tlsCluster = tls === "plain" ? [] : ["--tls-cluster", "yes"];
  return ["--cluster-enabled", "yes", "--cluster-port", String(busPort), ...tlsCluster, ...announced];
}

async function protect(client: Redis, { username, password }: Credentials): Promise<void> {
  if (username === undefined) await client.config("SET", "requirepass", password);
  else {
    await client.call("ACL", "SETUSER", username, "on", `>${password}`, "~*", "&*", "+@all");
    await client.call("ACL", "SETUSER", "default", "off");
  }
}

async function withClient(port: number, work: (client: Redis) => Promise<void>): Promise<void> {
  const client = new Redis({ port });
  client.on("error", () => undefined);
  await once(client, "ready");
  await work(client);
  client.disconnect();
}

type Watched = { folder: string; host: string; port: number; files: TlsFiles };

async function startSentinel(
  { tls, credentials, sentinelPassword }: TopologyOptions,
  { folder, host, port: masterPort, files }: Watched,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const port = await freePort();
  const text = (value: string): string => `"${value.replaceAll(/["\\]/g, (found) => `\\${found}`)}"`;
  const listener =
    tls === "plain"
      ? [`port ${port}`]
      : [
          "port 0",
          `tls-port ${port}`,
          "tls-replication yes",
          `tls-cert-file ${files.cert}`,
          `tls-key-file ${files.key}`,
          `tls-ca-cert-file ${files.ca}`,
          `tls-auth-clients ${tls === "mutual" ? "yes" : "no"}`,
        ];
  const file = join(folder, "sentinel.conf");
  const { stop } = await startSentinelProcess(file, [
    ...listener,
    "bind 127.0.0.1 ::1",
    `logfile ${join(folder, "sentinel.log")}`,
    "sentinel resolve-hostnames yes",
    "sentinel announce-hostnames yes",
    `sentinel monitor ${MASTER} ${host} ${masterPort} 1`,
    ...(credentials?.username === undefined ? [] : [`sentinel auth-user ${MASTER} ${credentials.username}`]),
    ...(credentials === undefined ? [] : [`sentinel auth-pass ${MASTER} ${text(credentials.password)}`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${text(sentinelPassword)}`]),
  ]);
  return { port, stop };
}
