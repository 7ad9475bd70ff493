// Classification of Redis client errors: a code, and one sentence with the fix. Replies of Redis are classified here, errors
// of the connection in network-errors.ts.
import type { RedisServer } from "../../config/redis-address.ts";
import { causesOf, codeOf, kindOfCode, type NetworkErrorKind } from "../../lib/network-errors.ts";

/** No reply within REDIS_TIMEOUT_MS, or a connection closed without an error. */
export const NO_RESPONSE = "NO_RESPONSE";

/** Result of `diagnoseRedis`. */
export class RedisConnectionError extends Error {
  override readonly name = "RedisConnectionError";
  readonly code: string;
  readonly server: RedisServer;
  /** Has no `cause`: error replies of ioredis contain the command, and AUTH contains the password. */
  constructor(code: string, server: RedisServer) {
    super(code);
    this.code = code;
    this.server = server;
  }
}

/** Error codes of Redis, the first word of a reply. */
const REPLY_CODES: ReadonlySet<string> = new Set([
  "WRONGPASS",
  "NOAUTH",
  "NOPERM",
  "NOPROTO",
  "LOADING",
  "READONLY",
  "NOREPLICAS",
  "OOM",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "MISCONF",
  "BUSY",
  "TRYAGAIN",
]);

/** Replies without a code (`ERR …`), as worded by Redis 6.2 to 8 and Valkey. */
const REPLY_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/^ERR This instance has cluster support disabled/, "NOT_A_CLUSTER"],
  [/^ERR unknown command '?`?sentinel/i, "NOT_A_SENTINEL"],
  [/^ERR (DB index is out of range|invalid DB index|SELECT is not allowed)/, "NO_SUCH_DATABASE"],
  [/^ERR No such master with that name/, "UNKNOWN_MASTER"],
  [/^ERR max number of clients reached/, "TOO_MANY_CLIENTS"],
  [/^ERR AUTH .*without any password configured/, "WRONGPASS"],
  [/^(MOVED|ASK) \d+ /, "IS_A_CLUSTER"],
];

/** @returns a code without secrets; NO_RESPONSE if the error has none */
export function redisErrorCode(error: unknown): string {
  for (const each of causesOf(error)) {
    if (each instanceof RedisConnectionError) return each.code;
    const code = codeOf(each);
    if (kindOfCode(code) !== undefined || code.startsWith("ERR_")) return code;
    const [word = ""] = each.message.split(" ", 1);
    if (REPLY_CODES.has(word)) return word;
    const known = REPLY_TEXTS.find(([text]) => text.test(each.message));
    if (known !== undefined) return known[1];
  }
  return NO_RESPONSE;
}

/** Whether the server rejected the gateway: a retry does not help, the configuration must change. */
export function isRejection(code: string): boolean {
  return REJECTED.has(code);
}

const REJECTED: ReadonlySet<string> = new Set([
  "WRONGPASS",
  "NOAUTH",
  "NOPERM",
  "NOT_A_CLUSTER",
  "NOT_A_SENTINEL",
  "NO_SUCH_DATABASE",
  "UNKNOWN_MASTER",
  "IS_A_CLUSTER",
]);

const TEXTS: Readonly<Record<string, string>> = {
  WRONGPASS: "The server rejects the user or password of REDIS_URL. Correct them; % in a password is written %25",
  NOAUTH: "The server demands a password and REDIS_URL contains none. Add it",
  NOPERM: "The user of REDIS_URL lacks a permission. Compare its ACL with docs/guides/redis.md",
  ENOTFOUND: "A host name of REDIS_URL is unknown to DNS. Correct the name",
  EAI_AGAIN: "DNS does not respond. Check the resolver of this machine",
  ECONNREFUSED: "No process listens at the address. Start Redis or correct REDIS_URL",
  ECONNRESET: "The server closed the connection. If its port expects TLS, use rediss://",
  ETIMEDOUT: "No connection in time. Check the firewall, and whether the port speaks TLS if REDIS_URL says rediss://",
  NOT_A_CLUSTER: "The server is not a Cluster. Use redis:// or rediss://",
  IS_A_CLUSTER: "The server belongs to a Cluster. Use redis+cluster:// or rediss+cluster://",
  NOT_A_SENTINEL: "The server is not a Sentinel. Name the Sentinels' port (26379), or use redis:// or rediss://",
  UNKNOWN_MASTER: "The Sentinels monitor no master of that name. Correct the path of REDIS_URL",
  NO_SUCH_DATABASE: "The server has no database of that number. Correct it or raise `databases`",
  TOO_MANY_CLIENTS: "The server has reached its connection limit. Raise `maxclients`",
  LOADING: "The server is loading its data. The gateway retries",
  MISCONF: "The server cannot write to its disk and rejects writes. Free space or repair the disk",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "The certificate does not name this address. Use the name that it contains; a Cluster must announce it (cluster-announce-hostname, cluster-preferred-endpoint-type hostname), a Sentinel too (resolve-hostnames, announce-hostnames)",
  CERT_HAS_EXPIRED: "The certificate of the server has expired. Renew it",
  CERT_NOT_YET_VALID: "The certificate of the server is not valid yet. Check both clocks",
  NO_RESPONSE: "No response in time. Start Redis or correct REDIS_URL",
};

/** For codes without an entry in TEXTS. */
const TEXTS_BY_KIND: Partial<Record<NetworkErrorKind, string>> = {
  certificate: "The certificate of the server is not signed by a trusted CA. Name the CA in REDIS_CA_FILE",
  tls: "The TLS handshake failed. Check whether the port speaks TLS and demands a client certificate",
};

/** @returns one sentence with cause and fix, for the log, /readyz and the command line */
export function redisErrorText(error: unknown): string {
  const code = redisErrorCode(error);
  const text = TEXTS[code] ?? TEXTS_BY_KIND[kindOfCode(code) ?? "system"];
  const server = [...causesOf(error)].find((each) => each instanceof RedisConnectionError)?.server;
  const where = server === undefined ? "" : `${server.host}:${server.port}: `;
  return `${where}${text ?? "Redis cannot be used"} (${code})`;
}
