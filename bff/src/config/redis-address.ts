// Parser of REDIS_URL: topology, servers, TLS, credentials and database.
import { isIPv6 } from "node:net";

export type RedisServer = { host: string; port: number };

export type RedisAddress = {
  topology: "single" | "sentinel" | "cluster";
  isTls: boolean;
  /** The server, the Sentinels, or seed nodes of the Cluster. */
  servers: [RedisServer, ...RedisServer[]];
  /** For the servers; Sentinels have separate credentials. */
  username?: string;
  password?: string;
  db: number;
  /** Used with Sentinel only. */
  masterName: string;
};

export type ParsedRedisUrl = { kind: "ok"; address: RedisAddress } | { kind: "rejected"; rule: string };

const FORMS =
  "must be redis://host:6379/0, redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:6379,host:6379; rediss instead of redis for TLS";
const DEFAULT_PORT = { single: 6_379, sentinel: 26_379, cluster: 6_379 } as const;
const DEFAULT_MASTER_NAME = "mymaster";

/**
 * The userinfo ends at the last `@`, as in WHATWG URLs, so that a password may contain any character; `%` must be escaped. Hosts are names, IPv4 addresses, or IPv6 addresses in brackets.
 */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const form = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(.*)@)?([^@/?#]+)(?:\/([^/?#]*))?(?:\?([^#]*))?$/s.exec(url);
  if (form === null) return reject(FORMS);
  const [, scheme, plus, userInfo, hosts = "", path = "", query = ""] = form;
  const topology = plus === "sentinel" || plus === "cluster" ? plus : "single";
  try {
    const address: RedisAddress = {
      topology,
      isTls: scheme === "rediss",
      servers: parseServers(hosts, topology),
      ...parseUser(userInfo),
      db: parseDatabase(topology, path, query),
      masterName: topology === "sentinel" && path !== "" ? decode(path) : DEFAULT_MASTER_NAME,
    };
    return { kind: "ok", address };
  } catch (error) {
    if (error instanceof BrokenRule) return reject(error.rule);
    throw error;
  }
}

class BrokenRule extends Error {
  override readonly name = "BrokenRule";
  readonly rule: string;
  constructor(rule: string) {
    super(rule);
    this.rule = rule;
  }
}

function reject(rule: string): ParsedRedisUrl {
  return { kind: "rejected", rule };
}

function parseServers(hosts: string, topology: RedisAddress["topology"]): RedisAddress["servers"] {
  const [first, ...others] = hosts.split(",").map((part) => parseServer(part, DEFAULT_PORT[topology]));
  if (first === undefined) throw new BrokenRule(FORMS);
  if (others.length > 0 && topology === "single")
    throw new BrokenRule("names several hosts: use redis+sentinel:// or redis+cluster:// (rediss+… for TLS)");
  return [first, ...others];
}

function parseServer(text: string, defaultPort: number): RedisServer {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text.trim());
  if (parts === null || (parts[1] !== undefined && !isIPv6(parts[1])))
    throw new BrokenRule(
      "contains a host that cannot be read: write name, name:port, 10.0.0.1:6379 or [2001:db8::1]:6379",
    );
  const [, ipv6, name, portText] = parts;
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port < 1 || port > 65_535) throw new BrokenRule("contains a port that is not from 1 to 65535");
  return { host: ipv6 ?? name ?? "", port };
}

function parseUser(userInfo: string | undefined): Pick<RedisAddress, "username" | "password"> {
  if (userInfo === undefined) return {};
  const colon = userInfo.indexOf(":");
  if (colon === -1)
    throw new BrokenRule("names a user without a password: write :password@ if there is only a password");
  const username = decode(userInfo.slice(0, colon));
  const password = decode(userInfo.slice(colon + 1));
  if (password === "") throw new BrokenRule("contains an empty password: leave user and password out, with the @");
  return username === "" ? { password } : { username, password };
}

function parseDatabase(topology: RedisAddress["topology"], path: string, query: string): number {
  const parameters = [...new URLSearchParams(query)];
  if (parameters.some(([name]) => name !== "db") || parameters.length > 1)
    throw new BrokenRule("may have one query parameter, ?db=number; everything else is a setting of its own");
  const given = parameters[0]?.[1] ?? (topology === "single" && path !== "" ? path : undefined);
  if (topology === "cluster" && (path !== "" || (given ?? "0") !== "0"))
    throw new BrokenRule("names a database, but a Cluster has only database 0: leave it out");
  if (topology === "single" && path !== "" && parameters.length > 0)
    throw new BrokenRule("names the database twice: keep the path or ?db=");
  if (given !== undefined && !/^\d{1,5}$/.test(given)) throw new BrokenRule("names a database that is not a number");
  return Number(given ?? 0);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BrokenRule('contains a "%" that starts no escape: write it as %25');
  }
}
