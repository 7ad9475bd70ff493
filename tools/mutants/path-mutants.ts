// Ways to confuse paths, hosts and addresses, and the tests that must notice.
import type { Mutant } from "./mutants.ts";

export const PATH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I6: the API's paths are found by their first characters",
    file: "src/lib/paths.ts",
    find: "return Number.isNaN(next) || next === 0x2f || next === 0x3f;",
    replace: "return true || next === 0;",
    tests: ["test/http/paths-and-hosts.test.ts"],
  },
  {
    breaks: "I6: `/api%2f` and `/api;` are not held to the rules of /api",
    file: "src/http/request-target.ts",
    find: "next === QUESTION || next === SEMICOLON || next === PERCENT;",
    replace: "next === QUESTION;",
    tests: ["test/http/paths-and-hosts.test.ts"],
  },
  {
    breaks: "I3: a host with a trailing dot, which is another origin, is served",
    file: "src/lib/host.ts",
    find: '? "trailing-dot" : "other";',
    replace: '? "same" : "other";',
    tests: ["test/http/paths-and-hosts.test.ts"],
  },
  {
    breaks: "the Host of another port is served",
    file: "src/lib/host.ts",
    find: "if (asked === undefined || asked.port !== own?.port)",
    replace: "if (asked === undefined || own === undefined)",
    tests: ["test/http/paths-and-hosts.test.ts"],
  },
  {
    breaks: "the address that the client wrote itself is believed",
    file: "src/http/client-address.ts",
    find: "if (!isTrusted(hop, trustedProxies)) break;",
    replace: "",
    tests: ["test/http/paths-and-hosts.test.ts"],
  },
  {
    breaks: "a proxy's `unknown` is passed over, and the entry before it believed",
    file: "src/http/client-address.ts",
    find: "if (hop === undefined) break;",
    replace: "if (hop === undefined) continue;",
    tests: ["test/http/paths-and-hosts.test.ts"],
  },
  {
    breaks: "hidden files beside the build are served",
    file: "src/http/file-path.ts",
    find: '(first.startsWith(".") && first !== WELL_KNOWN) ||',
    replace: "",
    tests: ["test/http/app-files.test.ts"],
  },
  {
    breaks: "hidden files below /.well-known are served",
    file: "src/http/file-path.ts",
    find: 'rest.some((segment) => segment.startsWith("."))',
    replace: "rest.length < 0",
    tests: ["test/http/app-files.test.ts"],
  },
  {
    breaks: "a missing script is answered with the app's page",
    file: "src/http/file-path.ts",
    find: "return isNavigation || ",
    replace: 'return isNavigation || path !== "" || ',
    tests: ["test/http/app-files.test.ts"],
  },
];
