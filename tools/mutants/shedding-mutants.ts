// Mutants of the limits on waiting requests.
import type { Mutant } from "./mutants.ts";

export const SHEDDING_MUTANTS: readonly Mutant[] = [
  {
    breaks: "load shedding: one session's slow requests fill MAX_WAITING_REQUESTS for all others",
    file: "src/http/load-shedding.ts",
    find: 'if (isReached(session, maxPerSession)) throw tooMany("MAX_WAITING_PER_SESSION");',
    replace: "",
    tests: ["test/http/waiting-quotas.integration.test.ts"],
  },
  {
    breaks: "load shedding: one client address without a session fills MAX_WAITING_REQUESTS",
    file: "src/http/load-shedding.ts",
    find: 'if (isReached(address, maxPerAddress)) throw tooMany("MAX_WAITING_PER_ADDRESS");',
    replace: "",
    tests: ["test/http/waiting-quotas.integration.test.ts"],
  },
  {
    breaks: "load shedding: each IPv6 address of a client has its own quota",
    file: "src/http/load-shedding.ts",
    find: "networkOf(clientAddress(request, trustedProxies))",
    replace: "clientAddress(request, trustedProxies)",
    tests: ["test/http/waiting-quotas.integration.test.ts"],
  },
  {
    breaks: "load shedding: requests of verified sessions count against their shared address",
    file: "src/http/load-shedding.ts",
    find: "      member.countFor(session);",
    replace: "      session.count++;",
    tests: ["test/http/waiting-quotas.integration.test.ts"],
  },
  {
    breaks: "load shedding: finished requests of a session are still counted",
    file: "src/http/load-shedding.ts",
    find: "node.member?.release();",
    replace: "",
    tests: ["test/http/waiting-quotas.integration.test.ts"],
  },
  {
    breaks: "load shedding: uploads in progress are counted",
    file: "src/proxy/request-body.ts",
    find: "waiting?.setSending(true);",
    replace: "",
    tests: ["test/http/load-shedding.integration.test.ts"],
  },
  {
    breaks: "load shedding: a slowly arriving form is counted",
    file: "src/http/small-body.ts",
    find: "waiting?.setSending(true);",
    replace: "",
    tests: ["test/http/load-shedding.integration.test.ts"],
  },
  {
    breaks: "load shedding: a request is not counted after its body has arrived",
    file: "src/proxy/request-body.ts",
    find: "    waiting?.setSending(false);\n",
    replace: "",
    tests: ["test/http/waiting-quotas.integration.test.ts"],
  },
];
