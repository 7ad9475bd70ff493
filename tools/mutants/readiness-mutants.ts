// Mutants of /readyz.
import type { Mutant } from "./mutants.ts";

export const READINESS_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I5: an outage of Redis takes every instance out of its Service",
    file: "src/management/readiness.ts",
    find: 'if (report.status !== "failed") hasBeenReady = true;',
    replace: "",
    tests: ["test/management/readiness.integration.test.ts"],
  },
  {
    breaks: "readiness: /readyz is 200 before the first check succeeded",
    file: "src/management/readiness.ts",
    find: "let hasBeenReady = false;",
    replace: "let hasBeenReady = true;",
    tests: ["test/management/readiness.integration.test.ts"],
  },
  {
    breaks: "readiness: /readyz is 200 without a running worker",
    file: "src/management/readiness.ts",
    find: 'status === "failed" && scope === "instance"',
    replace: "false",
    tests: ["test/management/readiness.integration.test.ts"],
  },
  {
    breaks: "readiness: /readyz is 200 while the instance drains",
    file: "src/management/readiness.ts",
    find: "if (isDraining())",
    replace: "if (isDraining() && !hasBeenReady)",
    tests: ["test/management/readiness.integration.test.ts"],
  },
  {
    breaks: "I5: a worker whose check hangs makes /readyz 503",
    file: "src/cluster.ts",
    find: "const CHECK_TIMEOUT_MS = 700;",
    replace: "const CHECK_TIMEOUT_MS = 1_500;",
    tests: ["test/management/readiness.integration.test.ts"],
  },
];
