// Mutants of @cloakroom/client.
import type { Mutant } from "./mutants.ts";

const FETCH_TESTS = ["../packages/client/test/fetch.test.ts"];
const RETRY_TESTS = ["../packages/client/test/retry.test.ts"];
const CLIENT_TESTS = ["client", "request", "step-up"].map((name) => `../packages/client/test/${name}.test.ts`);
const TAB_TESTS = ["../packages/client/test/tabs.test.ts"];
const STORE_TESTS = ["../packages/client/test/session-store.test.ts"];
const FETCH = "../packages/client/src/session-fetch.ts";
const STORE = "../packages/client/src/session-store.ts";
const DRAFT = "../packages/client/src/draft.ts";

export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    breaks: "Client: requests to another origin receive the handle of the session",
    file: FETCH,
    find: "url && url.origin === page?.location.origin &&",
    replace: "url && page &&",
    tests: FETCH_TESTS,
  },
  {
    breaks: "Client: a redirect takes the handle of the session to another origin",
    file: FETCH,
    find: '{ ...init, mode: "same-origin" }',
    replace: "init",
    tests: FETCH_TESTS,
  },
  {
    breaks: "Client: X-CSRF of the caller replaces the client's",
    file: FETCH,
    find: 'headers.set("X-CSRF", "1");',
    replace: 'if (!headers.has("X-CSRF")) headers.set("X-CSRF", "1");',
    tests: FETCH_TESTS,
  },
  {
    breaks: "I3: the client of a stale tab acts as the user who has logged in since",
    file: FETCH,
    find: 'headers.set("X-Session-Handle", named)',
    replace: "void named",
    tests: [...TAB_TESTS, ...FETCH_TESTS],
  },
  {
    breaks: "I3: a tab whose session has ended acts as the user who has logged in since",
    file: STORE,
    find: "else if (state.renderedSub === null) handle = null;",
    replace: "else handle = null;",
    tests: [...TAB_TESTS, ...STORE_TESTS],
  },
  {
    breaks: "I3: a request of the previous user is repeated as the user who has logged in since",
    file: FETCH,
    find: "onAttempt?.(retries);",
    replace: 'if (retries > 0) request.headers.delete("X-Session-Handle");',
    tests: RETRY_TESTS,
  },
  {
    breaks: "Client: a tab does not learn of the user who has logged in since",
    file: "../packages/client/src/create-client.ts",
    find: 'problem === null || problem.code === "session_changed"',
    replace: "problem === null",
    tests: TAB_TESTS,
  },
  {
    breaks: "Client: a POST is repeated without permission",
    file: FETCH,
    find: "init.retry ?? idempotentMethods.test(request.method)",
    replace: "init.retry ?? true",
    tests: RETRY_TESTS,
  },
  {
    breaks: "Client: retries are unbounded",
    file: FETCH,
    find: "!isRepeatable || retries >= maxRetries",
    replace: "!isRepeatable || retries >= 1_000",
    tests: RETRY_TESTS,
  },
  {
    breaks: "Client: a Retry-After of any length is waited for",
    file: FETCH,
    find: "&& delayMs <= maxDelayMs &&",
    replace: "&&",
    tests: RETRY_TESTS,
  },
  {
    breaks: "Client: an abort does not end the delay before a retry",
    file: FETCH,
    find: "reject(signal.reason as Error);",
    replace: "",
    tests: RETRY_TESTS,
  },
  {
    breaks: "Client: a reload repeats the request of a draft",
    file: DRAFT,
    find: "discard();\n      return isOwner",
    replace: "return isOwner",
    tests: CLIENT_TESTS,
  },
  {
    breaks: "Client: a crafted link repeats the request of a draft (CSRF)",
    file: DRAFT,
    find: "draft.nonce !== returned ||",
    replace: "",
    tests: CLIENT_TESTS,
  },
  {
    breaks: "Client: the draft of one user is given to another",
    file: DRAFT,
    find: "draft.owner === null || draft.owner === sub",
    replace: "true",
    tests: CLIENT_TESTS,
  },
  {
    breaks: "Client: a logout leaves the draft of the user in the tab",
    file: "../packages/client/src/create-client.ts",
    find: "drafts.discard();",
    replace: "",
    tests: CLIENT_TESTS,
  },
  {
    breaks: "I2: a logout that the gateway has not confirmed looks complete",
    file: "../packages/client/src/logout.ts",
    find: 'outcome.kind === "ok" || hadEnded',
    replace: "outcome",
    tests: CLIENT_TESTS,
  },
  {
    breaks: "Client: the location of a logout runs as a script",
    file: "../packages/client/src/logout.ts",
    find: "if (url && /^https?:$/.test(url.protocol)) return url;",
    replace: "if (url) return url;",
    tests: [...CLIENT_TESTS, "../packages/client/test/user.test.ts"],
  },
  {
    breaks: "Client: the login of a step-up leads to another origin",
    file: "../packages/client/src/problem.ts",
    find: 'loginUrl?.split("?")[0] === loginPath ? loginUrl : null',
    replace: "loginUrl",
    tests: [...CLIENT_TESTS, "../packages/client/test/problem.test.ts"],
  },
  {
    breaks: "Client: a stopped tab keeps a timer",
    file: STORE,
    find: "isPaused = true;\n      cancelTimer();",
    replace: "isPaused = true;",
    tests: [...CLIENT_TESTS, ...STORE_TESTS],
  },
];
