// Mutants of the isolation of applications on one Redis (I9).
import type { Mutant } from "./mutants.ts";

const names = ["test/store/redis-names.integration.test.ts"];
const shared = ["test/store/shared-connections.extended.test.ts"];
const sealing = ["test/lib/encryption.test.ts"];

const named = (breaks: string, find: string, replace: string): Mutant => ({
  ...{ breaks: `isolation: ${breaks}`, file: "src/store/redis/redis-names.ts", find, replace, tests: names },
});

export const ISOLATION_MUTANTS: readonly Mutant[] = [
  named("Redis names lack the application id", "`cloakroom:${application}:`", "`cloakroom:`"),
  named(
    "the application id has no separator, so that shop is a prefix of shop-2",
    "`cloakroom:${application}:`",
    "`cloakroom:${application}`",
  ),
  named(
    "session keys lack the application id",
    "session: (key) => `${tagged}${key}${SESSION_SUFFIX}`",
    "session: (key) => `cloakroom:{${key}${SESSION_SUFFIX}`",
  ),
  named("tombstones lack the application id", "`${tagged}${key}}:ended`", "`cloakroom:{${key}}:ended`"),
  named("indexes lack the application id", "`${tagged}${hash}}:${kind}`,", "`cloakroom:{${hash}}:${kind}`,"),
  named(
    "markers of closed indexes lack the application id",
    "`${tagged}${hash}}:${kind}-closed`",
    "`cloakroom:{${hash}}:${kind}-closed`",
  ),
  named(
    "used jti values of logout tokens lack the application id",
    "`${tagged}${hash}}:used-${purpose}`",
    "`cloakroom:{${hash}}:used-${purpose}`",
  ),
  named(
    "ended sessions are published to all applications",
    "endedChannel: `${prefix}session-ended`",
    'endedChannel: "cloakroom:session-ended"',
  ),
  named("invalidations of all applications are received", "trackingPrefix: tagged", 'trackingPrefix: "cloakroom:"'),
  named("the sessions command scans all applications", "anySession: `${tagged}*", "anySession: `cloakroom:*"),
  named(
    "the refresh rate limit is shared",
    "refreshSlots: `${tagged}refresh-turns}:next`",
    'refreshSlots: "cloakroom:{refresh-turns}:next"',
  ),
  {
    breaks: "isolation: ended sessions are reported to the applications of all channels",
    file: "src/store/redis/redis-subscriber.ts",
    find: "channels.get(name)?.onMessage(message)",
    replace: "[...channels.values()].forEach((each) => each.onMessage(message))",
    tests: shared,
  },
  {
    breaks: "isolation: a missing permission of one application disconnects the others",
    file: "src/store/redis/redis-subscriber.ts",
    find: "failed.length === wanted.length",
    replace: "failed.length > 0",
    tests: shared,
  },
  {
    breaks: "isolation: the cache of one application is off while another one lacks permissions",
    file: "src/store/redis/redis-invalidations.ts",
    find: "if (waiting.length < feeds.size)",
    replace: "if (feeds.size === 0)",
    tests: shared,
  },
  {
    breaks: "isolation: an application that is added later receives no invalidations",
    file: "src/store/redis/redis-invalidations.ts",
    find: "if (!tracked.has(feed.names.trackingPrefix)) return connection?.disconnect(true);",
    replace: "",
    tests: shared,
  },
  {
    breaks: "isolation: one application decrypts values of another one with the same keys",
    file: "src/lib/encryption.ts",
    find: 'JSON.stringify(["cloakroom", application, ...parts])',
    replace: 'JSON.stringify(["cloakroom", ...parts])',
    tests: sealing,
  },
  {
    breaks: "isolation: key-derivation labels of different parts are ambiguous",
    file: "src/lib/encryption.ts",
    find: 'JSON.stringify(["cloakroom", application, ...parts])',
    replace: '["cloakroom", application, ...parts].join(" ")',
    tests: sealing,
  },
  {
    breaks: "isolation: two origins of one client have the same application id",
    file: "src/lib/application-id.ts",
    find: "JSON.stringify([issuer, clientId, publicOrigin])",
    replace: "JSON.stringify([issuer, clientId])",
    tests: names,
  },
  {
    breaks: "isolation: the parts of a derived application id are ambiguous",
    file: "src/lib/application-id.ts",
    find: "JSON.stringify([issuer, clientId, publicOrigin])",
    replace: "issuer + clientId + publicOrigin",
    tests: names,
  },
  {
    breaks: "isolation: the sessions command ends sessions of the wrong application and reports success",
    file: "src/cli/list-applications.ts",
    find: "return { code: isWrong ? 1 : 0, text };",
    replace: "return { code: 0, text };",
    tests: ["test/cli/sessions.extended.test.ts"],
  },
];
