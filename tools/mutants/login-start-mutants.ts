// Mutants of the start of a login: parameters, logins that another site starts.
import type { Mutant } from "./mutants.ts";

const DECISION = ["test/auth/third-party-login.test.ts"];
const OVER_HTTP = ["test/auth/third-party-login.integration.test.ts"];
const TO_PROVIDER = ["test/auth/login-parameters.integration.test.ts"];
const PARAMETERS = ["test/auth/login-parameters.test.ts"];

export const LOGIN_START_MUTANTS: readonly Mutant[] = [
  {
    breaks: "third-party login: a session is replaced without consent",
    file: "src/auth/third-party-login.ts",
    find: '"stay" : "confirm";',
    replace: '"stay" : "start";',
    tests: DECISION,
  },
  {
    breaks: "third-party login: consent counts for another session than the page has named",
    file: "src/auth/third-party-login.ts",
    find: "isOwnForm && confirmed === (session?.handle ?? NO_SESSION)",
    replace: "isOwnForm && confirmed !== undefined",
    tests: DECISION,
  },
  {
    breaks: "third-party login: another site can forge the consent",
    file: "src/auth/login-start.ts",
    find: 'isOwnForm: ctx.method === "POST" && inspectOrigin(ctx.req, "form", publicOrigin) === "ok",',
    replace: 'isOwnForm: ctx.method === "POST",',
    tests: OVER_HTTP,
  },
  {
    breaks: "third-party login: the withheld Strict cookie counts as no session",
    file: "src/auth/third-party-login.ts",
    find: 'if (!isCrossSite) return "start";',
    replace: 'if (isRepeated !== true) return "start";',
    tests: DECISION,
  },
  {
    breaks: "third-party login: a link skips the repetition by claiming it",
    file: "src/auth/third-party-login.ts",
    find: 'return isRepeated === true ? "confirm" : "repeat";',
    replace: 'return isRepeated === true ? "start" : "repeat";',
    tests: DECISION,
  },
  {
    breaks: "third-party login: a link without iss replaces a session without consent",
    file: "src/auth/third-party-login.ts",
    find: "isRepeated === undefined && !isCrossSite;",
    replace: "isRepeated === undefined;",
    tests: DECISION,
  },
  {
    breaks: "third-party login: a browser without Fetch Metadata never counts as cross-site",
    file: "src/http/fetch-metadata.ts",
    find: "if (origin !== undefined) return origin !== publicOrigin;",
    replace: "if (origin !== undefined || publicOrigin !== undefined) return false;",
    tests: OVER_HTTP,
  },
  {
    breaks: "third-party login: any issuer is accepted",
    file: "src/auth/login-start.ts",
    find: "if (parameters.issuer !== issuer)",
    replace: "if (issuer === undefined)",
    tests: OVER_HTTP,
  },
  {
    breaks: "third-party login: a hint of the same user ignores that a new login is demanded",
    file: "src/auth/third-party-login.ts",
    find: "return isPlain && isHintOf",
    replace: "return isHintOf",
    tests: DECISION,
  },
  {
    breaks: "third-party login: target_link_uri redirects to another origin",
    file: "src/auth/return-path.ts",
    find: 'if (origin !== publicOrigin || username !== "" || password !== "") return undefined;',
    replace: "if (origin === null) return undefined;",
    tests: PARAMETERS,
  },
  {
    breaks: "third-party login: the form of the confirmation page is blocked by its policy",
    file: "src/auth/login-start.ts",
    find: "pageHeaders(publicOrigin, PAGE_STYLE_HASH, \"'self'\")",
    replace: "pageHeaders(publicOrigin, PAGE_STYLE_HASH)",
    tests: OVER_HTTP,
  },
  {
    breaks: "third-party login: the user's name is markup on the confirmation page",
    file: "src/auth/login-pages.ts",
    find: "escapeHtml(nameOf(session))",
    replace: "nameOf(session)",
    tests: OVER_HTTP,
  },
  {
    breaks: "login: unknown parameters reach the provider",
    file: "src/auth/login-parameters.ts",
    find: "if (own === undefined && shape === undefined) continue;",
    replace: "if (own === undefined && shape === undefined) parsed.extra[name] = value;",
    tests: PARAMETERS,
  },
  {
    breaks: "login: a link can try to set parameters of the authorization request unnoticed",
    file: "src/auth/login-parameters.ts",
    find: 'if (REJECTED.has(name)) throw malformed(name, "is set by the gateway only");',
    replace: "",
    tests: PARAMETERS,
  },
  {
    breaks: "login: a return path of any length is kept, and the response head exceeds a proxy's buffer",
    file: "src/auth/return-path.ts",
    find: 'canonical.length > MAX_RETURN_PATH_CHARS ? "/" : canonical',
    replace: "canonical",
    tests: ["test/auth/return-path.test.ts"],
  },
  {
    breaks: "OIDC_LOGIN_PARAMETERS: a parameter that the gateway sets is accepted",
    file: "src/config/login-parameter-list.ts",
    find: "if (rejected !== undefined) return `must",
    replace: "if (rejected === null) return `must",
    tests: ["test/config/login-parameter-list.test.ts"],
  },
  {
    breaks: "OIDC_LOGIN_PARAMETERS: override the parameters of a link",
    file: "src/auth/login-start.ts",
    find: "{ ...config.loginParameters, ...parameters.extra }",
    replace: "{ ...parameters.extra, ...config.loginParameters }",
    tests: TO_PROVIDER,
  },
  {
    breaks: "OIDC_LOGIN_PARAMETERS: acr_values and max_age are not checked at the callback",
    file: "src/auth/login-start.ts",
    find: "checkedAtCallback(extra)",
    replace: "checkedAtCallback(parameters.extra)",
    tests: TO_PROVIDER,
  },
  {
    breaks: "prompt=create is sent to a provider that does not list it",
    file: "src/provider/prompt-values.ts",
    find: 'supported.includes("create")) return;',
    replace: "supported.length > 0) return;",
    tests: TO_PROVIDER,
  },
];
