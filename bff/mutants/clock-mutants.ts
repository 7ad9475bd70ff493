// Ways to let an instance's own clock decide again, and the test that must notice.
import type { Mutant } from "./mutants.ts";

export const CLOCK_MUTANTS: readonly Mutant[] = [
  {
    breaks: "clocks: each instance measures by its own",
    file: "src/store-clock.ts",
    find: "nowMs: () => (known === undefined ? localMs() : known.aheadOfMonotonicMs + monotonic()),",
    replace: "nowMs: () => localMs(),",
    tests: ["test/tokens/skewed-clocks.test.ts"],
  },
  {
    breaks: "clocks: what an instance renews it stamps by its own",
    file: "src/tokens/refresh.ts",
    find: "const nowMs = parts.store.nowMs();",
    replace: "const nowMs = Date.now();",
    tests: ["test/tokens/skewed-clocks.test.ts"],
  },
  {
    breaks: "clocks: whoever waited for a renewal judges it by their own",
    file: "src/tokens/refresh.ts",
    find: "if (store.nowMs() < tokens.usableUntilMs)",
    replace: "if (Date.now() < tokens.usableUntilMs)",
    tests: ["test/tokens/skewed-clocks.test.ts"],
  },
  {
    breaks: "clocks: a login stamps by the instance's own",
    file: "src/auth/login-routes.ts",
    find: "const nowMs = parts.store.nowMs();",
    replace: "const nowMs = Date.now();",
    tests: ["test/tokens/skewed-clocks.test.ts"],
  },
  {
    breaks: "clocks: the app is told limits by the instance's own",
    file: "src/auth/user-route.ts",
    find: "const nowMs = now();",
    replace: "const nowMs = Date.now();",
    tests: ["test/tokens/skewed-clocks.test.ts"],
  },
  {
    breaks: "clocks: the end of all sessions leaves alone what began after a clock that is behind",
    file: "src/session/end-everything.ts",
    find: "Math.floor(store.nowMs() / 1000)",
    replace: "Math.floor(Date.now() / 1000)",
    tests: ["test/session/store-clock.test.ts"],
  },
  {
    breaks: "clocks: a new connection to Redis is not asked for the time",
    file: "src/redis-clock.ts",
    find: 'client.on("ready", measure);',
    replace: "",
    tests: ["test/session/store-clock.test.ts"],
  },
  {
    breaks: "clocks: each instance asks any node of a Cluster for the time",
    file: "src/redis-clock.ts",
    find: "client instanceof Cluster ? client.eval(\"return redis.call('TIME')\", 1, CLOCK) : client.time();",
    replace: "client instanceof Cluster ? client.eval(\"return redis.call('TIME')\", 0) : client.time();",
    tests: ["test/session/store-clock.test.ts"],
  },
  {
    breaks: "clocks: an answer that came slowly counts as much as a quick one",
    file: "src/store-clock.ts",
    find: "return errorMs <= errorByNowMs || differenceMs > errorMs + errorByNowMs;",
    replace: "return errorMs <= errorByNowMs || differenceMs > 0;",
    tests: ["test/session/store-clock.test.ts"],
  },
  {
    breaks: "clocks: a store whose clock was set is not followed",
    file: "src/store-clock.ts",
    find: "return errorMs <= errorByNowMs || differenceMs > errorMs + errorByNowMs;",
    replace: "return errorMs <= errorByNowMs;",
    tests: ["test/session/store-clock.test.ts"],
  },
  {
    breaks: "clocks: nobody is told before logins are refused",
    file: "src/auth/clock-difference.ts",
    find: "const CLOCK_ALARM_SECONDS = 10;",
    replace: "const CLOCK_ALARM_SECONDS = CLOCK_TOLERANCE_SECONDS;",
    tests: ["test/auth/setting-faults.test.ts"],
  },
];
