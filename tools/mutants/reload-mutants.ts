// Mutants of the applications of one process and of their replacement.
import type { Mutant } from "./mutants.ts";

const reload = ["test/reload.extended.test.ts"];
const gateway = ["test/gateway.integration.test.ts"];
const isolation = ["test/session/two-applications.extended.test.ts"];
const checks = ["test/management/gateway-checks.test.ts"];
const quota = ["test/lib/shared-quota.test.ts"];

const replaced = (breaks: string, find: string, replace: string): Mutant => ({
  ...{ breaks: `reload: ${breaks}`, file: "src/gateway/application-instances.ts", find, replace, tests: reload },
});

export const RELOAD_MUTANTS: readonly Mutant[] = [
  replaced(
    "applications that did not change are replaced",
    "ownText(known.config, server) === ownText(config, server)",
    "known.config === config",
  ),
  replaced(
    "an application that changed keeps its old configuration",
    "ownText(known.config, server) === ownText(config, server)",
    "known.config.publicOrigin === config.publicOrigin",
  ),
  replaced("requests in flight are cut off", "await finish(instance);", ""),
  replaced("event streams of a replaced application stay open", "  services.drain();\n", ""),
  replaced("WebSockets have no grace period", ">= config.drainMs", ">= 0"),
  replaced("WebSockets of a replaced application stay open", "void tunnels.closeAll();", ""),
  replaced(
    "the old instance closes the store of the new one",
    "every(({ config }) => config.application.id !== id)",
    "every(() => true)",
  ),
  {
    breaks: "reload: settings of the process are ignored silently",
    file: "src/config/restart-reasons.ts",
    find: "canonicalText(before[name]) !== canonicalText(after[name])",
    replace: "before === undefined",
    tests: reload,
  },
  {
    breaks: "reload: a changed application id ends all sessions without a word",
    file: "src/config/restart-reasons.ts",
    find: "before === undefined || before.id === application.id",
    replace: "before === undefined || before.id !== application.id || true",
    tests: reload,
  },
  {
    breaks: "applications: all of them have one store",
    file: "src/store/open-store.ts",
    find: "const store = stores.get(application) ?? create(application);",
    replace: "const store = [...stores.values()][0] ?? create(application);",
    tests: isolation,
  },
  {
    breaks: "applications: requests for unknown hosts count for the first one",
    file: "src/gateway.ts",
    find: 'only ?? findByHost(request.headers.host ?? "") ?? unknownHost',
    replace: 'only ?? findByHost(request.headers.host ?? "") ?? instances.current()[0]?.handle ?? unknownHost',
    tests: gateway,
  },
  {
    breaks: "applications: a host with a trailing dot is unknown",
    file: "src/http/host-table.ts",
    find: 'byName.get(host.name.replace(/\\.$/, ""))',
    replace: "byName.get(host.name)",
    tests: ["test/http/host-table.test.ts"],
  },
  {
    breaks: "applications: a logout at one of two applications of a client ends unrelated sessions of the other",
    file: "src/auth/backchannel-logout.ts",
    find: "if (bySid.some((count) => count > 0)) return bySid;",
    replace: "",
    tests: gateway,
  },
  {
    breaks: "applications: a logout token reaches the first application of its audience only",
    file: "src/auth/backchannel-logout.ts",
    find: "if (candidates.length > 0) return candidates;",
    replace: "if (candidates.length > 0) return candidates.slice(0, 1);",
    tests: gateway,
  },
  {
    breaks: "applications: a logout token is accepted at the host of another application only",
    file: "src/provider/logout-token.ts",
    find: "[aud].flat().includes(rules.clientId)",
    replace: "aud === undefined",
    tests: gateway,
  },
  {
    breaks: "applications: the outage of one provider takes the instance out of its Service",
    file: "src/management/gateway-checks.ts",
    find: "check: async () => demoted(await check())",
    replace: "check",
    tests: checks,
  },
  {
    breaks: "applications: one application uses up the quota of the process",
    file: "src/lib/shared-quota.ts",
    find: "Math.floor(limit / 2 / members.length)",
    replace: "0",
    tests: quota,
  },
  {
    breaks: "applications: the parts of the quota exceed it",
    file: "src/lib/shared-quota.ts",
    find: "return beyondReserved >= limit - own * members.length;",
    replace: "return beyondReserved >= limit;",
    tests: quota,
  },
  {
    breaks: "applications: a busy application empties the session caches of the others",
    file: "src/store/cache-budget.ts",
    find: "member.characters > found.characters",
    replace: "member.characters < found.characters",
    tests: ["test/store/cache-budget.test.ts"],
  },
  {
    breaks: "an application that a reload leaves unchanged keeps the old names of identity headers",
    file: "src/gateway/application-instances.ts",
    find: "return !rebuildsAll && known",
    replace: "return known",
    tests: ["test/reload.extended.test.ts"],
  },
];
