// Mutants of pushed and signed authorization requests and responses.
import type { Mutant } from "./mutants.ts";

const PUSHED = ["test/provider/pushed-requests.integration.test.ts"];

export const AUTHORIZATION_MUTANTS: readonly Mutant[] = [
  {
    breaks: "a refused push fails every login",
    file: "src/provider/pushed-request.ts",
    find: "if (!isPushRefused(error)) throwUnavailable(error);",
    replace: "throwUnavailable(error);",
    tests: PUSHED,
  },
  {
    breaks: "a push that the provider requires falls back to a plain request",
    file: "src/provider/pushed-request.ts",
    find: "if (!isRequired) return refuse(error);",
    replace: "return refuse(error);",
    tests: PUSHED,
  },
  {
    breaks: "a link to /bff/login switches pushed requests off",
    file: "src/provider/pushed-request.ts",
    find: 'ABOUT_PUSH.test(error.error_description ?? "")',
    replace: "error.error_description !== undefined",
    tests: PUSHED,
  },
  {
    breaks: "a refused push is never tried again",
    file: "src/provider/pushed-request.ts",
    find: "refusal !== undefined && nowMs() < refusal.untilMs",
    replace: "refusal !== undefined",
    tests: PUSHED,
  },
  {
    breaks: "a request_uri of any length is sent in a Location header",
    file: "src/provider/pushed-request.ts",
    find: "if (url.href.length <= MAX_PUSHED_URL_CHARS) return url;",
    replace: "return url;",
    tests: PUSHED,
  },
];
