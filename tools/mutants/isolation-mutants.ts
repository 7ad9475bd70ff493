// Ways to let two applications on one Redis meet (I9), and the test that must notice.
import type { Mutant } from "./mutants.ts";

const names = ["test/store/redis-names.test.ts"];
const sealing = ["test/lib/encryption.test.ts"];

const named = (breaks: string, find: string, replace: string): Mutant => ({
  ...{ breaks: `isolation: ${breaks}`, file: "src/store/redis/redis-names.ts", find, replace, tests: names },
});

export const ISOLATION_MUTANTS: readonly Mutant[] = [
  named("no name has the application id", "`cloakroom:${application}:`", "`cloakroom:`"),
  named(
    "the id is not separated from what follows: shop is a prefix of shop-2",
    "`cloakroom:${application}:`",
    "`cloakroom:${application}`",
  ),
  named(
    "the key of a session has no application id",
    "session: (key) => `${tagged}${key}${SESSION_SUFFIX}`",
    "session: (key) => `cloakroom:{${key}${SESSION_SUFFIX}`",
  ),
  named("a tombstone has no application id", "`${tagged}${key}}:ended`", "`cloakroom:{${key}}:ended`"),
  named("an index has no application id", "`${tagged}${hash}}:${kind}`,", "`cloakroom:{${hash}}:${kind}`,"),
  named(
    "the marker of a closed index has no application id",
    "`${tagged}${hash}}:${kind}-closed`",
    "`cloakroom:{${hash}}:${kind}-closed`",
  ),
  named(
    "a logout token's jti has no application id",
    "`${tagged}${hash}}:used-${purpose}`",
    "`cloakroom:{${hash}}:used-${purpose}`",
  ),
  named(
    "ends are published to all applications",
    "endedChannel: `${prefix}session-ended`",
    'endedChannel: "cloakroom:session-ended"',
  ),
  named("changes of all applications are received", "trackingPrefix: tagged", 'trackingPrefix: "cloakroom:"'),
  named("the command line scans all applications", "anySession: `${tagged}*", "anySession: `cloakroom:*"),
  named(
    "the refresh rate limit is shared",
    "refreshTurns: `${tagged}refresh-turns}:next`",
    'refreshTurns: "cloakroom:{refresh-turns}:next"',
  ),
  {
    breaks: "isolation: what one application sealed opens at another with the same keys",
    file: "src/lib/encryption.ts",
    find: 'JSON.stringify(["cloakroom", application, ...parts])',
    replace: 'JSON.stringify(["cloakroom", ...parts])',
    tests: sealing,
  },
  {
    breaks: "isolation: labels of different parts run together",
    file: "src/lib/encryption.ts",
    find: 'JSON.stringify(["cloakroom", application, ...parts])',
    replace: '["cloakroom", application, ...parts].join(" ")',
    tests: sealing,
  },
  {
    breaks: "isolation: two origins of one client derive one application id",
    file: "src/lib/application-id.ts",
    find: "JSON.stringify([issuer, clientId, publicOrigin])",
    replace: "JSON.stringify([issuer, clientId])",
    tests: names,
  },
  {
    breaks: "isolation: the parts of a derived application id run together",
    file: "src/lib/application-id.ts",
    find: "JSON.stringify([issuer, clientId, publicOrigin])",
    replace: "issuer + clientId + publicOrigin",
    tests: names,
  },
  {
    breaks: "isolation: the command line addresses the wrong application and reports success",
    file: "src/cli/list-applications.ts",
    find: "return { code: isWrong ? 1 : 0, text };",
    replace: "return { code: 0, text };",
    tests: ["test/cli/sessions.test.ts"],
  },
];
