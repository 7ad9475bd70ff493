// Mutants of the limits on provider responses.
import type { Mutant } from "./mutants.ts";

export const PROVIDER_MUTANTS: readonly Mutant[] = [
  {
    breaks: "the decoded size of the provider's responses is not limited",
    file: "src/provider/provider-response.ts",
    find: "if (bytes > MAX_RESPONSE_BYTES) throw new OversizedResponseError();",
    replace: "",
    tests: ["test/provider/provider-bounds.integration.test.ts"],
  },
  {
    breaks: "the size of the provider's responses on the wire is not limited",
    file: "src/provider/provider-fetch.ts",
    find: "    maxResponseSize: MAX_RESPONSE_BYTES,\n",
    replace: "",
    tests: ["test/provider/provider-bounds.integration.test.ts"],
  },
  {
    breaks: "the timeout of a provider request does not cover a slow body",
    file: "src/provider/provider-fetch.ts",
    find: "AbortSignal.timeout(config.timeoutMs), ",
    replace: "",
    tests: ["test/provider/provider-bounds.integration.test.ts"],
  },
  {
    breaks: "token_type is not checked: a DPoP-bound token is sent as a bearer",
    file: "src/provider/provider-response.ts",
    find: 'if (type.toLowerCase() !== "bearer")',
    replace: 'if (type.toLowerCase() === "")',
    tests: ["test/provider/token-responses.integration.test.ts"],
  },
  {
    breaks: "I5: an unusable refresh response discards the new refresh token",
    file: "src/tokens/refresh.ts",
    find: "context.vault.seal({ ...session.tokens, refreshToken }",
    replace: "context.vault.seal({ ...session.tokens }",
    tests: ["test/provider/token-responses.integration.test.ts"],
  },
  {
    breaks: "expires_in 0 causes a refresh with every request",
    file: "src/tokens/token-set.ts",
    find: "expiresInSeconds < SHORTEST_LIFETIME_SECONDS ?",
    replace: "expiresInSeconds < 0 ?",
    tests: ["test/provider/token-responses.integration.test.ts"],
  },
  {
    breaks: "an excessive lifetime overflows in the store",
    file: "src/provider/provider-response.ts",
    find: "return Math.min(seconds, MAX_LIFETIME_SECONDS);",
    replace: "return seconds;",
    tests: ["test/provider/token-responses.integration.test.ts"],
  },
  {
    breaks: "a discovery document may contain javascript: and http: URLs",
    file: "src/provider/provider-metadata.ts",
    find: "return schemes.includes(protocol) && ",
    replace: "return ",
    tests: ["test/provider/provider-metadata.integration.test.ts"],
  },
];
