// Mutants of path matching, host checks and client addresses.
import type { Mutant } from "./mutants.ts";

export const PATH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I6: a prefix matches by its characters instead of its segments",
    file: "src/lib/paths.ts",
    find: "return Number.isNaN(next) || next === 0x2f || next === 0x3f;",
    replace: "return true || next === 0;",
    tests: ["test/http/paths-and-hosts.integration.test.ts"],
  },
  {
    breaks: "I6: `/api%2f` and `/api;` bypass the rules of /api",
    file: "src/http/request-target.ts",
    find: "next === QUESTION || next === SEMICOLON || next === PERCENT;",
    replace: "next === QUESTION;",
    tests: ["test/http/paths-and-hosts.integration.test.ts"],
  },
  {
    breaks: "I3: a host with a trailing dot (another origin) is accepted",
    file: "src/lib/host.ts",
    find: '? "trailing-dot" : "other";',
    replace: '? "same" : "other";',
    tests: ["test/http/paths-and-hosts.integration.test.ts"],
  },
  {
    breaks: "host check: a Host with another port is accepted",
    file: "src/lib/host.ts",
    find: "if (asked === undefined || asked.port !== own?.port)",
    replace: "if (asked === undefined || own === undefined)",
    tests: ["test/http/paths-and-hosts.integration.test.ts"],
  },
  {
    breaks: "a client address in a forged X-Forwarded-For is trusted",
    file: "src/http/client-address.ts",
    find: "if (!isTrusted(hop, trustedProxies)) break;",
    replace: "",
    tests: ["test/http/paths-and-hosts.integration.test.ts"],
  },
  {
    breaks: "the entry before `unknown` in X-Forwarded-For is trusted",
    file: "src/http/client-address.ts",
    find: "if (hop === undefined) break;",
    replace: "if (hop === undefined) continue;",
    tests: ["test/http/paths-and-hosts.integration.test.ts"],
  },
  {
    breaks: "SPA files: hidden files are served",
    file: "src/http/file-path.ts",
    find: '(first.startsWith(".") && first !== WELL_KNOWN) ||',
    replace: "",
    tests: ["test/http/app-files.integration.test.ts"],
  },
  {
    breaks: "SPA files: hidden files below /.well-known are served",
    file: "src/http/file-path.ts",
    find: 'rest.some((segment) => segment.startsWith("."))',
    replace: "rest.length < 0",
    tests: ["test/http/app-files.integration.test.ts"],
  },
  {
    breaks: "SPA files: index.html is sent for a missing script",
    file: "src/http/file-path.ts",
    find: "return isNavigation || ",
    replace: 'return isNavigation || path !== "" || ',
    tests: ["test/http/app-files.integration.test.ts"],
  },
];
