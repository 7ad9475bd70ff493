// Settings that complement REDIS_URL: TLS files and credentials of the Sentinels.
import { parseRedisUrl } from "./redis-address.ts";
import { readTls } from "./upstream-tls.ts";

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

/** Validates the files at the start. */
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
