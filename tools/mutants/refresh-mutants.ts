// Ways to break the ceiling on refreshes, and the test that must notice.
import type { Mutant } from "./mutants.ts";

export const REFRESH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "turns: whoever has one does not wait for it",
    file: "src/tokens/refresh-rate-limiter.ts",
    find: "if (isTaken && waitMs > 0) await sleep(waitMs);",
    replace: "",
    tests: ["test/tokens/refresh-rate-limiter.test.ts"],
  },
  {
    breaks: "turns: early refreshes queue in front of one that is waited for",
    file: "src/tokens/background-refresh.ts",
    find: "      await turnToSpare();\n",
    replace: "",
    tests: ["test/tokens/refresh-rate-limiter.test.ts"],
  },
  {
    breaks: "turns: a request waits for its turn for ever",
    file: "src/tokens/access-token.ts",
    find: "return inTime(fly(session), waitMs);",
    replace: "return inTime(fly(session), 1_000 * waitMs);",
    tests: ["test/tokens/refresh-rate-limiter.test.ts"],
  },
  {
    breaks: "turns: the lease stays where no turn could be had",
    file: "src/tokens/refresh.ts",
    find: "  await giveBack();\n  return false;",
    replace: "  return false;",
    tests: ["test/tokens/refresh-rate-limiter.test.ts"],
  },
  {
    breaks: "jitter: sessions that logged in together refresh together",
    file: "src/tokens/token-set.ts",
    find: "(0.6 + 0.8 * clock.random)",
    replace: "1",
    tests: ["test/tokens/token-set.test.ts"],
  },
  {
    breaks: "jitter: what was renewed together is renewed together again",
    file: "src/tokens/refresh.ts",
    find: "tokenSetFrom(grant, session.tokens, { nowMs, random: Math.random() })",
    replace: "tokenSetFrom(grant, session.tokens, { nowMs, random: 0.5 })",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "a token is handed out until the moment it expires",
    file: "src/tokens/token-set.ts",
    find: " - Math.min(LONGEST_MARGIN_MS, lifetimeMs / 10)",
    replace: "",
    tests: ["test/tokens/token-set.test.ts"],
  },
  {
    breaks: "I5: tokens renewed under a key that this instance has not got end the session",
    file: "src/tokens/refresh.ts",
    find: "return vault.hasKeyOf(claim.stored.tokens) ? NO_TOKENS : KEY_NOT_AVAILABLE;",
    replace: "return NO_TOKENS;",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "I5: a refusal ends a session that was renewed under a key that this instance has not got",
    file: "src/tokens/refresh.ts",
    find: "if (!parts.vault.hasKeyOf(stored.tokens)) return KEY_NOT_AVAILABLE;",
    replace: "",
    tests: ["test/tokens/refresh.test.ts"],
  },
];
