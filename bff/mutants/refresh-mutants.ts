// Ways to break the ceiling on refreshes, and the test that must notice.
import type { Mutant } from "./mutants.ts";

export const REFRESH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "turns: whoever has one does not wait for it",
    file: "src/tokens/refresh-turns.ts",
    find: "if (isTaken && waitMs > 0) await sleep(waitMs);",
    replace: "",
    tests: ["test/tokens/refresh-turns.test.ts"],
  },
  {
    breaks: "turns: early refreshes queue in front of one that is waited for",
    file: "src/tokens/early-refreshes.ts",
    find: "      await turnToSpare();\n",
    replace: "",
    tests: ["test/tokens/refresh-turns.test.ts"],
  },
  {
    breaks: "turns: a request waits for its turn for ever",
    file: "src/tokens/access-token-for.ts",
    find: "return inTime(fly(session), waitMs);",
    replace: "return inTime(fly(session), 1_000 * waitMs);",
    tests: ["test/tokens/refresh-turns.test.ts"],
  },
  {
    breaks: "turns: the lease stays where no turn could be had",
    file: "src/tokens/refresh.ts",
    find: "  await giveBack();\n  return false;",
    replace: "  return false;",
    tests: ["test/tokens/refresh-turns.test.ts"],
  },
];
