// Mutants of @cloakroom/testing: the provider's protection against browsers and networks, and the leak search.
import type { Mutant } from "./mutants.ts";

const CONTROL = ["../packages/testing/test/provider-control.test.ts"];
const SEARCH = ["../packages/testing/test/leak-search.test.ts"];

export const TESTING_MUTANTS: readonly Mutant[] = [
  {
    breaks: "provider for tests: it listens on every address",
    file: "../packages/testing/src/provider/start-provider.ts",
    find: "if (!LOOPBACK.has(host)) throw",
    replace: "if (host === undefined) throw",
    tests: CONTROL,
  },
  {
    breaks: "provider for tests: a page of another origin controls it",
    file: "../packages/testing/src/provider/control-server.ts",
    find: 'if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined)',
    replace: "if (headers.origin === null)",
    tests: CONTROL,
  },
  {
    breaks: "provider for tests: DNS rebinding",
    file: "../packages/testing/src/provider/control-server.ts",
    find: 'if (!LOOPBACK_HOSTS.test(headers.host ?? "")) throw',
    replace: "if (headers.host === undefined) throw",
    tests: CONTROL,
  },
  {
    breaks: "provider for tests: a form of a page controls it",
    file: "../packages/testing/src/provider/control-server.ts",
    find: 'if (!/^application\\/json\\b/i.test(headers["content-type"] ?? ""))',
    replace: "if (headers.host === undefined)",
    tests: CONTROL,
  },
  {
    breaks: "leak search: base64 is found at one offset only",
    file: "../packages/testing/src/leaks/search.ts",
    find: "...[0, 1, 2].map((offset)",
    replace: "...[0].map((offset)",
    tests: SEARCH,
  },
  {
    breaks: "leak search: pieces of a secret are not joined",
    file: "../packages/testing/src/leaks/search.ts",
    find: 'add("in pieces", joined(text));',
    replace: "",
    tests: SEARCH,
  },
  {
    breaks: "leak search: fragments are found at block boundaries only",
    file: "../packages/testing/src/leaks/search.ts",
    find: "at + BLOCK_CHARS <= normalized.length; at += 1)",
    replace: "at + BLOCK_CHARS <= normalized.length; at += BLOCK_CHARS)",
    tests: SEARCH,
  },
  {
    breaks: "leak search: parts of a JWT are not secrets",
    file: "../packages/testing/src/leaks/secrets.ts",
    find: "{ kind: `${kind} (signature)`, text: signature },",
    replace: "",
    tests: SEARCH,
  },
  {
    breaks: "leak search: a search without any token passes",
    file: "../packages/testing/src/leaks/leak-watch.ts",
    find: "if (accessTokens.length === 0)",
    replace: "if (accessTokens === null)",
    tests: SEARCH,
  },
];
