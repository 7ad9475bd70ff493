// Mutants of the refresh rate limit, jitter and expiry margin.
import type { Mutant } from "./mutants.ts";

export const REFRESH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "refresh rate limit: a refresh does not wait for its slot",
    file: "src/tokens/refresh-rate-limiter.ts",
    find: "if (isAcquired && waitMs > 0) await sleep(waitMs);",
    replace: "",
    tests: ["test/tokens/refresh-rate-limiter.integration.test.ts"],
  },
  {
    breaks: "refresh rate limit: background refreshes delay a refresh that a request waits for",
    file: "src/tokens/background-refresh.ts",
    find: "      await untilSlotIsFree();\n",
    replace: "",
    tests: ["test/tokens/refresh-rate-limiter.integration.test.ts"],
  },
  {
    breaks: "refresh rate limit: a request waits for a slot without a timeout",
    file: "src/tokens/access-token.ts",
    find: "return withDeadline(refreshOnce(session), waitMs, LATE);",
    replace: "return withDeadline(refreshOnce(session), 1_000 * waitMs, LATE);",
    tests: ["test/tokens/refresh-rate-limiter.integration.test.ts"],
  },
  {
    breaks: "refresh rate limit: the lease is not released when no slot is free",
    file: "src/tokens/refresh.ts",
    find: "  await release();\n  return false;",
    replace: "  return false;",
    tests: ["test/tokens/refresh-rate-limiter.integration.test.ts"],
  },
  {
    breaks: "jitter: sessions that logged in at the same time refresh at the same time",
    file: "src/tokens/token-set.ts",
    find: "(0.6 + 0.8 * clock.random)",
    replace: "1",
    tests: ["test/tokens/token-set.test.ts"],
  },
  {
    breaks: "jitter: sessions that refreshed at the same time refresh at the same time again",
    file: "src/tokens/refresh-outcomes.ts",
    find: "tokenSetFrom(grant, session.tokens, { nowMs, random: Math.random() })",
    replace: "tokenSetFrom(grant, session.tokens, { nowMs, random: 0.5 })",
    tests: ["test/tokens/refresh.integration.test.ts"],
  },
  {
    breaks: "expiry margin: a token is used until it expires",
    file: "src/tokens/token-set.ts",
    find: " - Math.min(LONGEST_MARGIN_MS, lifetimeMs / 10)",
    replace: "",
    tests: ["test/tokens/token-set.test.ts"],
  },
  {
    breaks: "I5: a token set encrypted with an unavailable key ends the session",
    file: "src/tokens/refresh.ts",
    find: "return vault.hasKeyOf(claim.stored.tokens) ? NO_TOKENS : KEY_NOT_AVAILABLE;",
    replace: "return NO_TOKENS;",
    tests: ["test/tokens/refresh.integration.test.ts"],
  },
  {
    breaks: "I5: invalid_grant ends a session that was refreshed with an unavailable key",
    file: "src/tokens/refresh-outcomes.ts",
    find: "if (!vault.hasKeyOf(stored.tokens)) return KEY_NOT_AVAILABLE;",
    replace: "",
    tests: ["test/tokens/refresh.integration.test.ts"],
  },
];
