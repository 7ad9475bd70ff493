// Mutants of the session cache, workers and load shedding.
import type { Mutant } from "./mutants.ts";

const tests = ["test/store/session-cache.integration.test.ts"];

export const CACHE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I2: session cache: a change by another instance does not invalidate the entry",
    file: "src/store/session-cache.ts",
    find: "metrics.sessionChanged();\n      invalidate(key);",
    replace: "metrics.sessionChanged();",
    tests,
  },
  {
    breaks: "I2: session cache: entries are used without proof that no invalidation is missing",
    file: "src/store/redis/redis-invalidations.ts",
    find: "return nowMs - freshAtMs < MAX_STALENESS_MS;",
    replace: "return true;",
    tests,
  },
  {
    breaks: "I2: session cache: entries survive the loss of the pub/sub connection",
    file: "src/store/redis/redis-invalidations.ts",
    find: "      feed.listener.anyChanged();\n",
    replace: "",
    tests,
  },
  {
    breaks: "session cache: entries survive the loss of the read connection",
    file: "src/store/redis/redis-invalidations.ts",
    find: 'client.on("close", reconnect);',
    replace: "",
    tests,
  },
  {
    breaks: "I2: session cache: a read that started before an invalidation is stored after it",
    file: "src/store/session-cache.ts",
    find: "if (!reading.isOvertaken) entries.set",
    replace: "entries.set",
    tests,
  },
  {
    breaks: "session cache: a write of this instance does not invalidate the entry at once",
    file: "src/store/session-cache.ts",
    find: "end: invalidating(store.end), saveTokens: invalidating(store.saveTokens)",
    replace: "end: store.end, saveTokens: store.saveTokens",
    tests,
  },
  {
    breaks: "session cache: a session outlives its idle limit",
    file: "src/store/session-cache.ts",
    find: "Math.min(idleExpiresInMs, expiresInMs, maxAgeMs)",
    replace: "maxAgeMs",
    tests,
  },
  {
    breaks: "session cache: entries survive a FLUSHALL of Redis",
    file: "src/store/redis/redis-invalidations.ts",
    find: "for (const { listener } of feeds) listener.anyChanged();",
    replace: "",
    tests,
  },
  {
    breaks: "I2: session cache: a logout is acknowledged before every instance has invalidated the entry",
    file: "src/session/end-session.ts",
    find: "await acknowledged;",
    replace: "",
    tests,
  },
  {
    breaks: "workers: a crashed process is not restarted",
    file: "src/cluster.ts",
    find: "if (!isDraining) start();",
    replace: "",
    tests: ["test/cluster.extended.test.ts"],
  },
  {
    breaks: "load shedding: overload also rejects logouts",
    file: "src/http/load-shedding.ts",
    find: "if (!share.isNear(maxPerAddress) || !mayBeShed(request, routes)) return undefined;",
    replace: "if (!share.isNear(maxPerAddress)) return undefined;",
    tests: ["test/http/load-shedding.integration.test.ts"],
  },
  {
    breaks: "load shedding: no request is ever rejected",
    file: "src/http/load-shedding.ts",
    find: "    return isAtLimit(counter, max);",
    replace: "return false;",
    tests: ["test/http/load-shedding.integration.test.ts"],
  },
  {
    breaks: "load shedding: open WebSockets count as waiting requests",
    file: "src/http/load-shedding.ts",
    find: "return response.headersSent || response.destroyed;",
    replace: "return response.destroyed;",
    tests: ["test/http/load-shedding.integration.test.ts"],
  },
  {
    breaks: "session cache: a second logout is acknowledged before the first one",
    file: "src/auth/logout.ts",
    find: 'if (reason !== undefined) await sessions.end(sessionKeyOf(sessionId), "logout");',
    replace: "",
    tests: ["test/session/cached-gateways.integration.test.ts", "test/store/replicas.extended.test.ts"],
  },
  {
    breaks: "session cache: a back-channel logout of just ended sessions is acknowledged too early",
    file: "src/session/sessions.ts",
    find: "if (keys.length === 0) await untilAcknowledged();",
    replace: "",
    tests: ["test/session/cached-gateways.integration.test.ts"],
  },
  {
    breaks: "replicas: a login fails when no replica confirms the end of the replaced session",
    file: "src/store/redis/redis-store.ts",
    find: "const session = ACKNOWLEDGED.has(reason)",
    replace: 'const session = ACKNOWLEDGED.has("logout")',
    tests: ["test/store/replicas.extended.test.ts"],
  },
];
