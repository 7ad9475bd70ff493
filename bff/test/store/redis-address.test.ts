// Parser of REDIS_URL, used by the check at the start and by the connection.
import { describe, expect, it } from "vitest";
import { parseRedisUrl, type RedisAddress } from "../../src/config/redis-address.ts";

const single: RedisAddress = {
  topology: "single",
  isTls: false,
  servers: [{ host: "h", port: 6379 }],
  db: 0,
  masterName: "mymaster",
};

const accepted: Record<string, Partial<RedisAddress>> = {
  "redis://h": {},
  "redis://h:6380/3": { servers: [{ host: "h", port: 6380 }], db: 3 },
  "redis://h?db=4": { db: 4 },
  "redis://h/": {},
  "rediss://h": { isTls: true },
  "redis://127.0.0.1:1": { servers: [{ host: "127.0.0.1", port: 1 }] },
  "redis://[::1]": { servers: [{ host: "::1", port: 6379 }] },
  "redis://[2001:DB8::1]:6380/1": { servers: [{ host: "2001:DB8::1", port: 6380 }], db: 1 },
  "redis://[::ffff:10.0.0.1]": { servers: [{ host: "::ffff:10.0.0.1", port: 6379 }] },
  "redis://:secret@h": { password: "secret" },
  "redis://user:secret@h": { username: "user", password: "secret" },
  "redis://us%3Aer:se%40cr%25et@h": { username: "us:er", password: "se@cr%et" },
  "redis://:p@ss@h": { password: "p@ss" },
  "redis://user:a:b:c@h": { username: "user", password: "a:b:c" },
  "redis://:a/b?c#d e+f,g@h/2": { password: "a/b?c#d e+f,g", db: 2 },
  "redis://:pässwörd@h": { password: "pässwörd" },
  "redis+sentinel://a,b:1/main?db=2": {
    topology: "sentinel",
    servers: [
      { host: "a", port: 26379 },
      { host: "b", port: 1 },
    ],
    masterName: "main",
    db: 2,
  },
  "redis+sentinel://a": { topology: "sentinel", servers: [{ host: "a", port: 26379 }] },
  "rediss+sentinel://u:p@[::1]:1,[::2]/m%20n": {
    topology: "sentinel",
    isTls: true,
    username: "u",
    password: "p",
    servers: [
      { host: "::1", port: 1 },
      { host: "::2", port: 26379 },
    ],
    masterName: "m n",
  },
  "rediss+cluster://:p,q@a:7000,[::1]:7001,b": {
    topology: "cluster",
    isTls: true,
    password: "p,q",
    servers: [
      { host: "a", port: 7000 },
      { host: "::1", port: 7001 },
      { host: "b", port: 6379 },
    ],
  },
};

const rejected: Record<string, RegExp> = {
  "http://h": /must be redis:/,
  h: /must be redis:/,
  "redis://": /must be redis:/,
  "redis:///0": /must be redis:/,
  "redis+socket:///run/redis.sock": /must be redis:/,
  "REDIS://h": /must be redis:/,
  "redis://h#x": /must be redis:/,
  "redis://secret@h": /user without a password/,
  "redis://user:@h": /empty password/,
  "redis://:@h": /empty password/,
  "redis://:100%@h": /write it as %25/,
  "redis://a,b": /several hosts/,
  "redis://h:0": /port/,
  "redis://h:70000": /port/,
  "redis://h:": /host that cannot be read/,
  "redis://::1": /host that cannot be read/,
  "redis://[127.0.0.1]:6379": /host that cannot be read/,
  "redis://[1:2:3]": /host that cannot be read/,
  "redis://[::1%lo]": /host that cannot be read/,
  "redis+cluster://[::1],[::ffff:1.2.3]": /host that cannot be read/,
  "redis://[::1": /host that cannot be read/,
  "redis+cluster://a,,b": /host that cannot be read/,
  "redis://h/x": /not a number/,
  "redis://h/-1": /not a number/,
  "redis://h/1?db=2": /twice/,
  "redis://h?family=6": /one query parameter/,
  "redis://h?db=1&db=2": /one query parameter/,
  "redis+cluster://h/1": /only database 0/,
  "redis+cluster://h?db=1": /only database 0/,
};

describe("REDIS_URL", () => {
  it.each(Object.entries(accepted))("REDIS_URL is parsed: %s", (url, expected) => {
    expect(parseRedisUrl(url)).toEqual({ kind: "ok", address: { ...single, ...expected } });
  });

  it.each(Object.entries(rejected))("REDIS_URL is rejected with the rule and without the value: %s", (url, rule) => {
    const parsed = parseRedisUrl(url);
    expect(parsed).toEqual({ kind: "rejected", rule: expect.stringMatching(rule) });
    expect(JSON.stringify(parsed)).not.toMatch(/secret|100%@/);
  });
});
