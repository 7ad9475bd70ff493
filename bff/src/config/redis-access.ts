// Settings of the session store in Redis: address, TLS files, credentials of the Sentinels, and their rules.
import { parseRedisUrl } from "./redis-address.ts";
import { filePath, redisUrl, text, wholeNumber, type Setting } from "./setting-shapes.ts";
import { readTls } from "./upstream-tls.ts";

export const REDIS_SETTINGS = {
  REDIS_URL: {
    path: "redis.url",
    scope: "server",
    schema: redisUrl,
    secret: true,
    meaning: "Session store. Unset: in the memory of the process; rejected if NODE_ENV=production",
  },
  REDIS_CA_FILE: {
    path: "redis.caFile",
    scope: "server",
    schema: filePath,
    meaning: "PEM file with the CA of the Redis servers and Sentinels, for rediss://; unset: the public CAs",
  },
  REDIS_CERT_FILE: {
    path: "redis.certFile",
    scope: "server",
    schema: filePath,
    meaning: "PEM file with the client certificate, for servers that require one (tls-auth-clients)",
  },
  REDIS_KEY_FILE: {
    path: "redis.keyFile",
    scope: "server",
    schema: filePath,
    meaning: "PEM file with the private key of REDIS_CERT_FILE",
  },
  REDIS_SENTINEL_USERNAME: {
    path: "redis.sentinelUsername",
    scope: "server",
    schema: text,
    meaning: "User name for the Sentinels; the user of REDIS_URL is for the servers",
  },
  REDIS_SENTINEL_PASSWORD: {
    path: "redis.sentinelPassword",
    scope: "server",
    schema: text,
    secret: true,
    meaning: "Password for the Sentinels, if they require one",
  },
  REDIS_TIMEOUT_MS: {
    path: "redis.timeoutMs",
    scope: "server",
    schema: wholeNumber(10, 2_000),
    default: "400",
    meaning: "Time-out of a Redis command, in milliseconds",
  },
  REDIS_CONFIRM_REPLICAS: {
    path: "redis.confirmReplicas",
    scope: "server",
    schema: wholeNumber(0, 5),
    meaning:
      "Number of replicas that must confirm a logout before it succeeds; otherwise 503. Unset: 1 with Sentinel and with a Cluster that has replicas, else 0",
  },
} as const satisfies Record<string, Setting>;

/** Access options that are not part of REDIS_URL. */
export type RedisAccess = {
  /** Paths of PEM files, read again for every connection, so that a renewed certificate needs no restart. */
  tlsFiles?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined;
  sentinelUsername?: string | undefined;
  sentinelPassword?: string | undefined;
};

type RedisSettings = {
  REDIS_URL?: string | undefined;
  REDIS_CA_FILE?: string | undefined;
  REDIS_CERT_FILE?: string | undefined;
  REDIS_KEY_FILE?: string | undefined;
  REDIS_SENTINEL_USERNAME?: string | undefined;
  REDIS_SENTINEL_PASSWORD?: string | undefined;
};

const SETTING_OF: Readonly<Record<string, string>> = {
  caFile: "REDIS_CA_FILE",
  certFile: "REDIS_CERT_FILE",
  keyFile: "REDIS_KEY_FILE",
};

/** Validates the files at startup. */
export function readRedisAccess(settings: RedisSettings, faults: string[]): RedisAccess {
  const { REDIS_CA_FILE: ca, REDIS_CERT_FILE: cert, REDIS_KEY_FILE: key } = settings;
  const { REDIS_SENTINEL_USERNAME: sentinelUsername, REDIS_SENTINEL_PASSWORD: sentinelPassword } = settings;
  faults.push(...contradictions(settings));
  readTls({ caFile: ca, certFile: cert, keyFile: key, serverName: undefined }, (name, message) =>
    faults.push(
      `${SETTING_OF[name] ?? name} ${message.replaceAll(/certFile|keyFile/g, (file) => SETTING_OF[file] ?? file)}.`,
    ),
  );
  return { tlsFiles: { ca, cert, key }, sentinelUsername, sentinelPassword };
}

function contradictions(settings: RedisSettings): string[] {
  const parsed = settings.REDIS_URL === undefined ? undefined : parseRedisUrl(settings.REDIS_URL);
  const address = parsed?.kind === "ok" ? parsed.address : undefined;
  const found: string[] = [];
  for (const name of ["REDIS_CA_FILE", "REDIS_CERT_FILE", "REDIS_KEY_FILE"] as const)
    if (settings[name] !== undefined && address?.isTls !== true)
      found.push(`${name} needs a REDIS_URL with TLS (rediss://). Use rediss or unset ${name}.`);
  for (const name of ["REDIS_SENTINEL_USERNAME", "REDIS_SENTINEL_PASSWORD"] as const)
    if (settings[name] !== undefined && address?.topology !== "sentinel")
      found.push(`${name} needs a REDIS_URL with Sentinel (redis+sentinel://). Use it or unset ${name}.`);
  if (settings.REDIS_SENTINEL_USERNAME !== undefined && settings.REDIS_SENTINEL_PASSWORD === undefined)
    found.push("REDIS_SENTINEL_USERNAME needs REDIS_SENTINEL_PASSWORD. Set both or neither.");
  return found;
}
