// Apache with mod_auth_openidc and mod_proxy: sessions in shared memory or in Redis.
import { mkdirSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Contestant } from "../contestant.ts";
import { startProgram } from "../start-process.ts";
import { findProgram, needDebianPackage } from "../tools.ts";
import type { BenchEnvironment } from "../contestant.ts";

const MODULES = "/usr/lib/apache2/modules";
const LOADED = [
  "mpm_event",
  "authn_core",
  "authz_core",
  "authz_user",
  "auth_openidc",
  "headers",
  "proxy",
  "proxy_http",
];
const THREADS = 384;

function variant(cache: "shm" | "redis", about: string): Contestant {
  const id = `apache-${cache}`;
  return {
    id,
    name: `mod_auth_openidc, ${cache === "shm" ? "shared memory" : "Redis"}`,
    about,
    login: { path: "/api/protected", callbackPath: "/api/oidc-callback" },
    // An event stream occupies one thread.
    maxStreams: 300,
    start: (environment, port) => {
      const program = needDebianPackage("apache2", () => findProgram("apache2"));
      needDebianPackage("libapache2-mod-auth-openidc", () => present(join(MODULES, "mod_auth_openidc.so")));
      const home = join(environment.folder, `${id}-${port}`);
      mkdirSync(home, { recursive: true });
      const file = join(home, "apache.conf");
      writeFileSync(file, [...server(home, port), ...openIdConnect(environment, port, cache)].join("\n"));
      return startProgram(id, [program, "-DFOREGROUND", "-d", home, "-f", file], port);
    },
  };
}

function server(home: string, port: number): string[] {
  return [
    ...LOADED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    `ServerName localhost:${port}`,
    `Listen 127.0.0.1:${port}`,
    `DefaultRuntimeDir ${home}`,
    `PidFile ${home}/apache.pid`,
    ...(process.getuid?.() === 0 ? ["User www-data", "Group www-data"] : []),
    // All threads from the start, so that none starts or ends during a round.
    "ServerLimit 6",
    "StartServers 6",
    "ThreadsPerChild 64",
    `MinSpareThreads ${THREADS}`,
    `MaxSpareThreads ${THREADS}`,
    `MaxRequestWorkers ${THREADS}`,
    "KeepAlive On",
    "MaxKeepAliveRequests 0",
    "KeepAliveTimeout 120",
    "LogLevel error",
    `ErrorLog ${home}/error.log`,
    `CustomLog ${home}/access.log "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\""`,
  ];
}

function openIdConnect(environment: BenchEnvironment, port: number, cache: "shm" | "redis"): string[] {
  return [
    `OIDCProviderMetadataURL ${environment.issuer}/.well-known/openid-configuration`,
    `OIDCClientID ${environment.client.clientId}`,
    `OIDCClientSecret ${environment.client.clientSecret}`,
    `OIDCRedirectURI http://localhost:${port}/api/oidc-callback`,
    "OIDCCryptoPassphrase a-passphrase-for-the-bench",
    'OIDCScope "openid profile email"',
    "OIDCPKCEMethod S256",
    `OIDCCacheType ${cache}`,
    ...(cache === "redis" ? [`OIDCRedisCacheServer 127.0.0.1:${environment.redis.port}`] : []),
    "<Location /api/>",
    "  AuthType openid-connect",
    "  Require valid-user",
    '  RequestHeader set Authorization "Bearer %{OIDC_access_token}e" env=OIDC_access_token',
    `  ProxyPass ${environment.upstream}/ flushpackets=on`,
    "</Location>",
  ];
}

function present(file: string): string | undefined {
  return existsSync(file) ? file : undefined;
}

const COMMON = `Debian's packages with mod_proxy; event MPM with all ${THREADS} threads started, its access log on`;
export const apacheSharedMemory = variant("shm", COMMON);
export const apacheRedis = variant("redis", COMMON);
