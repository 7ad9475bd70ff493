// Mutants of the admin API, the administration of sessions, and the gateway's pages.
import type { Mutant } from "./mutants.ts";

const ACCESS = ["test/management/admin-access.test.ts"];
const API = ["test/management/admin-api.integration.test.ts"];
const PAGES = ["test/http/pages.integration.test.ts"];
const UNIT = ["test/session/administration.test.ts"];

export const ADMIN_MUTANTS: readonly Mutant[] = [
  {
    breaks: "admin API: any token is accepted",
    file: "src/management/admin/admin-access.ts",
    find: "if (timingSafeEqual(token.digest, digest)) found = token.name;",
    replace: "found = token.name;",
    tests: ACCESS,
  },
  {
    breaks: "admin API: a page of another origin may call it",
    file: "src/management/admin/admin-access.ts",
    find: 'if (BROWSER_HEADERS.some((name) => headers[name] !== undefined)) return "admin_browser_rejected";',
    replace: "",
    tests: ACCESS,
  },
  {
    breaks: "admin API: DNS rebinding",
    file: "src/management/admin/admin-access.ts",
    find: 'return isPrivate ? undefined : "admin_host_rejected";',
    replace: "return undefined;",
    tests: ACCESS,
  },
  {
    breaks: "admin API: rejected requests are logged without a limit",
    file: "src/management/admin/admin-access.ts",
    find: 'return minute.rejections === REJECTIONS_PER_MINUTE + 1 ? "first" : "beyond";',
    replace: 'return "within";',
    tests: ACCESS,
  },
  {
    breaks: "admin API: a short token is accepted",
    file: "src/config/admin-token.ts",
    find: "bytes.length < MIN_BYTES)",
    replace: "bytes.length < 1)",
    tests: ACCESS,
  },
  {
    breaks: "admin API: ADMIN_TOKEN_FILE is not read again",
    file: "src/management/admin/admin-access.ts",
    find: "if (file === undefined) return",
    replace: "if (file !== null) return",
    tests: ACCESS,
  },
  {
    breaks: "admin API: all sessions end without a confirmation",
    file: "src/management/admin/admin-routes.ts",
    find: 'if (query.confirm !== "all") throw new AdminError("confirmation_required");',
    replace: "",
    tests: API,
  },
  {
    breaks: "I1: admin API: a cursor contains keys of sessions",
    file: "src/management/admin/admin-routes.ts",
    find: "return sealer.seal(JSON.stringify(position), JSON.stringify(filter));",
    replace: "return JSON.stringify(position);",
    tests: API,
  },
  {
    breaks: "admin API: an unknown parameter selects all sessions",
    file: "src/management/admin/admin-schemas.ts",
    find: "export const LIST_QUERY = z\n  .strictObject({",
    replace: "export const LIST_QUERY = z\n  .object({",
    tests: API,
  },
  {
    breaks: "I3: admin API: an index decides whose session it is",
    file: "src/session/session-list.ts",
    find: "if (user !== undefined && (issuer !== user.issuer || subject !== user.subject)) return false;",
    replace: "",
    tests: API,
  },
  {
    breaks: "I2: a login that the provider dates into the future survives the end of its user's sessions",
    file: "src/session/sessions.ts",
    find: "[ALL_SESSIONS, endedUserIndex(session)].map(",
    replace: "[ALL_SESSIONS].map(",
    tests: API,
  },
  {
    breaks: "I2: an end of all sessions is acknowledged by a run that began before it",
    file: "src/session/administration.ts",
    find: "      const begin = (): Promise<void> => {\n        waiting = undefined;",
    replace: "      const begin = (): Promise<void> => {",
    tests: UNIT,
  },
  {
    breaks: "I2: the end of a user's sessions does not wait for the session caches",
    file: "src/session/administration.ts",
    find: "    // Also without a session: a concurrent call may have ended them.\n    await untilAcknowledged();",
    replace: "",
    tests: UNIT,
  },
  {
    breaks: "admin API: an error hides how many sessions have ended",
    file: "src/session/end-session.ts",
    find: "const results = await Promise.allSettled(batch);",
    replace:
      'const results = (await Promise.all(batch)).map((value) => ({ status: "fulfilled", value }) as PromiseSettledResult<boolean>);',
    tests: API,
  },
  {
    breaks: "I5: admin API: a rejection of Redis is reported as an outage",
    file: "src/management/admin/admin-errors.ts",
    find: 'const isRejected = redisErrorCode(thrown.cause) === "NOPERM";',
    replace: "const isRejected = false;",
    tests: API,
  },
  {
    breaks: "pages: a custom template may have unescaped values",
    file: "src/config/pages/page-template.ts",
    find: 'if (type === "&" || type === ">" || type === "=")',
    replace: 'if (type === ">" || type === "=")',
    tests: PAGES,
  },
  {
    breaks: "pages: a custom template that fails breaks the response",
    file: "src/http/pages.ts",
    find: "html: renderOwn(kind, view) ?? render(BUILT_IN_PAGES[kind], view),",
    replace: "html: render(templates[kind] ?? BUILT_IN_PAGES[kind], view),",
    tests: PAGES,
  },
  {
    breaks: "pages: a rejected language is used",
    file: "src/http/languages.ts",
    find: "if (found !== undefined && !rejected.includes(found)) return found;",
    replace: "if (found !== undefined) return found;",
    tests: PAGES,
  },
  {
    breaks: "pages: the style of a custom template is blocked by its policy",
    file: "src/http/pages.ts",
    find: '[BUILT_IN_PAGES[kind], own ?? ""].flatMap(styleHashes)',
    replace: "[BUILT_IN_PAGES[kind]].flatMap(styleHashes)",
    tests: PAGES,
  },
];
