// Ways to break what happens to open connections when their session ends, and the test that must notice.
import type { Mutant } from "./mutants.ts";

export const LIVE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "live: other instances are not told that a session ended",
    file: "src/redis-scripts.ts",
    find: "if s then redis.pcall('PUBLISH', ARGV[3], ARGV[4]) end",
    replace: "",
    tests: ["test/session/store-contract.test.ts"],
  },
  {
    breaks: "live: an end that was told while the listening connection was cut is never noticed",
    file: "src/session/live-connections.ts",
    find: "onGap: () => void lookAtAll()",
    replace: "onGap: () => undefined",
    tests: ["test/session/live-connections.test.ts"],
  },
  {
    breaks: "live: an outage of the store ends connections (I5)",
    file: "src/session/live-connections.ts",
    find: "lookAgainIn(key, LOOK_AGAIN_AFTER_FAULT_MS * (0.5 + Math.random()));",
    replace: 'finish(key, "expired");',
    tests: ["test/session/live-connections.test.ts"],
  },
  {
    breaks: "live: a session that ended just before its connection was added keeps it open",
    file: "src/session/live-connections.ts",
    find: "if (known === undefined || onLimits !== undefined) void look(key);",
    replace: "lookAgainIn(key, LOOK_AGAIN_MS);",
    tests: ["test/session/live-connections.test.ts"],
  },
  {
    breaks: "live: an API's event stream outlives its session",
    file: "src/proxy/open-answers.ts",
    find: "      response.destroy();\n",
    replace: "",
    tests: ["test/proxy/open-answers.test.ts"],
  },
  {
    breaks: "live: a long download outlives its session",
    file: "src/proxy/open-answers.ts",
    find: "young.push(answer);",
    replace: "return;",
    tests: ["test/proxy/open-answers.test.ts"],
  },
  {
    breaks: "events: a browser that listens keeps its session alive",
    file: "src/session/live-connections.ts",
    find: "      const limits = await store.limitsOf(key);",
    replace: "      await (store as Store).slide(key);\n      const limits = await store.limitsOf(key);",
    tests: ["test/auth/events-route.test.ts"],
  },
  {
    breaks: "events: a stream stays silent when its session ends",
    file: "src/session/event-streams.ts",
    find: "live.add(key, (reason) => sayEnd(response, reason), ",
    replace: "live.add(key, () => undefined, ",
    tests: ["test/auth/events-route.test.ts"],
  },
  {
    breaks: "events: one session opens as many streams as it likes",
    file: "src/session/event-streams.ts",
    find: "if (own >= STREAMS_PER_SESSION)",
    replace: "if (own > Infinity)",
    tests: ["test/session/event-streams.test.ts"],
  },
  {
    breaks: "events: nobody is told that the session is about to end",
    file: "src/session/event-streams.ts",
    find: "const isNear = endMs - nowMs <= leadMsOf(limits);",
    replace: "const isNear = endMs - nowMs <= 0;",
    tests: ["test/session/event-streams.test.ts"],
  },
  {
    breaks: "events: a process that stops waits for its streams",
    file: "src/session/event-streams.ts",
    find: "for (const part of parts) for (const response of part) response.end();",
    replace: "",
    tests: ["test/session/event-streams.test.ts"],
  },
];
