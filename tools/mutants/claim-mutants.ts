// Mutants of claim paths, audiences, userinfo and the renewal of claims.
import type { Mutant } from "./mutants.ts";

export const CLAIM_MUTANTS: readonly Mutant[] = [
  {
    breaks: "a claim path reads members of the prototype",
    file: "src/lib/claim-path.ts",
    find: 'if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;',
    replace: 'if (typeof value !== "object" || value === null) return undefined;',
    tests: ["test/lib/claim-path.test.ts"],
  },
  {
    breaks: "a nested value is used although a claim has exactly the configured name",
    file: "src/lib/claim-path.ts",
    find: "if (claim !== undefined && Object.hasOwn(claims, claim))",
    replace: "if (claim !== undefined && names.length === 1 && Object.hasOwn(claims, claim))",
    tests: ["test/lib/claim-path.test.ts"],
  },
  {
    breaks: "a role that is switched off (false) is granted",
    file: "src/lib/claim-path.ts",
    find: "granted === false || granted === null ? [] : [key]",
    replace: "[key]",
    tests: ["test/lib/claim-path.test.ts"],
  },
  {
    breaks: "the number of roles is not limited",
    file: "src/lib/claim-path.ts",
    find: "if (strings.size === MAX_STRINGS) break;",
    replace: "",
    tests: ["test/lib/claim-path.test.ts"],
  },
  {
    breaks: "an ID token for an untrusted audience is accepted",
    file: "src/provider/id-token.ts",
    find: "audience !== rules.clientId && !isTrusted(audience, rules)",
    replace: "audience !== rules.clientId && isTrusted(audience, rules)",
    tests: ["test/provider/claim-shapes.integration.test.ts"],
  },
  {
    breaks: "I1: the access token of a distributed claim is in /bff/user",
    file: "src/auth/session-from-claims.ts",
    find: '  "_claim_sources",\n',
    replace: "",
    tests: ["test/provider/claim-shapes.integration.test.ts"],
  },
];
