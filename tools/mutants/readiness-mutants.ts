// Ways to break what /readyz promises to load balancers, and the tests that must notice.
import type { Mutant } from "./mutants.ts";

export const READINESS_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I5: an outage of Redis takes every instance out of its Service",
    file: "src/management/readiness.ts",
    find: 'if (report.status !== "failed") hasBeenReady = true;',
    replace: "",
    tests: ["test/management/readiness.test.ts"],
  },
  {
    breaks: "an instance that was never ready gets requests",
    file: "src/management/readiness.ts",
    find: "let hasBeenReady = false;",
    replace: "let hasBeenReady = true;",
    tests: ["test/management/readiness.test.ts"],
  },
  {
    breaks: "an instance without a living process gets requests",
    file: "src/management/readiness.ts",
    find: 'status === "failed" && scope === "instance"',
    replace: "false",
    tests: ["test/management/readiness.test.ts"],
  },
  {
    breaks: "an instance that drains gets new requests",
    file: "src/management/readiness.ts",
    find: "if (isDraining())",
    replace: "if (isDraining() && !hasBeenReady)",
    tests: ["test/management/readiness.test.ts"],
  },
  {
    breaks: "I5: a worker whose check hangs is missing from the report, which takes the instance out of its Service",
    file: "src/cluster.ts",
    find: "const CHECK_TIMEOUT_MS = 700;",
    replace: "const CHECK_TIMEOUT_MS = 1_500;",
    tests: ["test/management/readiness.test.ts"],
  },
];
