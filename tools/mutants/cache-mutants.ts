// Ways to believe a session in memory for too long, to lose a process or to drown, and the test that must notice.
import type { Mutant } from "./mutants.ts";

const tests = ["test/store/session-cache.test.ts"];

export const CACHE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "cache: a session that another instance changed is not forgotten (I2)",
    file: "src/store/session-cache.ts",
    find: "metrics.sessionChanged();\n      invalidate(key);",
    replace: "metrics.sessionChanged();",
    tests,
  },
  {
    breaks: "cache: is believed without a proof that no change is missing (I2)",
    file: "src/store/redis/redis-invalidations.ts",
    find: "return nowMs - provenMs < MAX_STALENESS_MS;",
    replace: "return true;",
    tests,
  },
  {
    breaks: "cache: is kept when the connection that tells of changes is lost (I2)",
    file: "src/store/redis/redis-invalidations.ts",
    find: "provenMs = -Infinity;\n    listener.anyChanged();",
    replace: "provenMs = -Infinity;",
    tests,
  },
  {
    breaks: "cache: is kept when the connection that sessions are read over is lost",
    file: "src/store/redis/redis-invalidations.ts",
    find: 'client.on("close", reconnect);',
    replace: "",
    tests,
  },
  {
    breaks: "cache: keeps what was read before a change and answered after it (I2)",
    file: "src/store/session-cache.ts",
    find: "if (!reading.isOvertaken) entries.set",
    replace: "entries.set",
    tests,
  },
  {
    breaks: "cache: what this instance writes is not forgotten at once",
    file: "src/store/session-cache.ts",
    find: "end: invalidating(store.end), saveTokens: invalidating(store.saveTokens)",
    replace: "end: store.end, saveTokens: store.saveTokens",
    tests,
  },
  {
    breaks: "cache: a session outlives its idle limit",
    file: "src/store/session-cache.ts",
    find: "Math.min(idleExpiresInMs, expiresInMs, maxAgeMs)",
    replace: "maxAgeMs",
    tests,
  },
  {
    breaks: "cache: an emptied Redis is not noticed",
    file: "src/store/redis/redis-invalidations.ts",
    find: "if (!Array.isArray(changed)) return listener.anyChanged();",
    replace: "if (!Array.isArray(changed)) return;",
    tests,
  },
  {
    breaks: "cache: a logout is acknowledged before every instance knows (I2)",
    file: "src/session/end-session.ts",
    find: "await allHeard;",
    replace: "",
    tests,
  },
  {
    breaks: "workers: a process that crashed is not started again",
    file: "src/cluster.ts",
    find: "if (!isDraining) start();",
    replace: "",
    tests: ["test/cluster.test.ts"],
  },
  {
    breaks: "shedding: overload also refuses logouts",
    file: "src/http/load-shedding.ts",
    find: "Math.min(maxPerAddress, maxWaiting) || !mayBeShed(request)) return undefined;",
    replace: "Math.min(maxPerAddress, maxWaiting)) return undefined;",
    tests: ["test/http/load-shedding.test.ts"],
  },
  {
    breaks: "shedding: nothing is ever refused",
    file: "src/http/load-shedding.ts",
    find: "return counter.count - counter.sending >= max;",
    replace: "return false;",
    tests: ["test/http/load-shedding.test.ts"],
  },
  {
    breaks: "shedding: open WebSockets count as waiting",
    file: "src/http/load-shedding.ts",
    find: "return response.headersSent || response.destroyed;",
    replace: "return response.destroyed;",
    tests: ["test/http/load-shedding.test.ts"],
  },
  {
    breaks: "cache: a second logout is acknowledged before the first one can be",
    file: "src/auth/logout.ts",
    find: "if (found === undefined) await confirmEnd(ctx, sessions);",
    replace: "",
    tests: ["test/session/cached-gateways.test.ts", "test/store/replicas.test.ts"],
  },
  {
    breaks: "cache: a back-channel logout that finds its sessions just ended is acknowledged too early",
    file: "src/session/sessions.ts",
    find: "if (keys.length === 0) await untilAcknowledged();",
    replace: "",
    tests: ["test/session/cached-gateways.test.ts"],
  },
  {
    breaks: "replicas: a login fails for the session that it replaces",
    file: "src/store/redis/redis-store.ts",
    find: "const session = ACKNOWLEDGED.has(reason)",
    replace: 'const session = ACKNOWLEDGED.has("logout")',
    tests: ["test/store/replicas.test.ts"],
  },
];
