// Ways to break the bounds on requests that wait, and the tests that must notice.
import type { Mutant } from "./mutants.ts";

export const SHEDDING_MUTANTS: readonly Mutant[] = [
  {
    breaks: "K11: one session's slow requests fill MAX_WAITING_REQUESTS for all others",
    file: "src/http/load-shedding.ts",
    find: 'if (isAtLimit(session, maxPerSession)) throw tooMany("MAX_WAITING_PER_SESSION");',
    replace: "",
    tests: ["test/http/waiting-quotas.test.ts"],
  },
  {
    breaks: "K11: one client address without a session fills MAX_WAITING_REQUESTS",
    file: "src/http/load-shedding.ts",
    find: 'if (isAtLimit(address, maxPerAddress)) throw tooMany("MAX_WAITING_PER_ADDRESS");',
    replace: "",
    tests: ["test/http/waiting-quotas.test.ts"],
  },
  {
    breaks: "requests of verified sessions count for the address that they share",
    file: "src/http/load-shedding.ts",
    find: "      member.countFor(session);",
    replace: "      session.count++;",
    tests: ["test/http/waiting-quotas.test.ts"],
  },
  {
    breaks: "a session's requests count for ever",
    file: "src/http/load-shedding.ts",
    find: "place.member?.leave();",
    replace: "",
    tests: ["test/http/waiting-quotas.test.ts"],
  },
  {
    breaks: "load: uploads in progress count as load",
    file: "src/proxy/request-body.ts",
    find: "waiting?.setSending(true);",
    replace: "",
    tests: ["test/http/load-shedding.test.ts"],
  },
  {
    breaks: "load: a form that arrives slowly counts as load",
    file: "src/auth/form-body.ts",
    find: "waiting?.setSending(true);",
    replace: "",
    tests: ["test/http/load-shedding.test.ts"],
  },
  {
    breaks: "load: a request whose body has arrived is never counted again",
    file: "src/proxy/request-body.ts",
    find: "    waiting?.setSending(false);\n",
    replace: "",
    tests: ["test/http/waiting-quotas.test.ts"],
  },
];
