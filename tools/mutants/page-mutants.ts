// Mutants of the app's pages: the page of SPA_URL, and server-rendered pages.
import type { Mutant } from "./mutants.ts";

export const PAGE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "SPA_URL: a redirect may lead from https to http, where the page can be replaced",
    file: "src/http/remote-index.ts",
    find: "if (target.protocol !== protocol)",
    replace: "if (target.protocol === protocol && protocol === base)",
    tests: ["test/http/remote-index.test.ts"],
  },
  {
    breaks: "SPA_URL: a response of any length is read into memory",
    file: "src/http/remote-index.ts",
    find: "if (bytes > MAX_BYTES) throw",
    replace: "if (bytes > MAX_BYTES * MAX_BYTES) throw",
    tests: ["test/http/remote-index.test.ts"],
  },
  {
    breaks: "SPA_URL: a page is served that is not HTML, such as an error in XML",
    file: "src/http/remote-index.ts",
    find: "if (!/^text\\/html(?:\\s*;|\\s*$)/i.test(type)) return",
    replace: "if (type === MAX_BYTES.toString()) return",
    tests: ["test/http/remote-index.test.ts"],
  },
  {
    breaks: "SPA_URL: the error of an unread response ends the process",
    file: "src/http/remote-index.ts",
    find: 'body.on("error", () => {});',
    replace: "",
    tests: ["test/http/remote-index.test.ts"],
  },
  {
    breaks: "I1: the session cookie reaches a server-rendered app",
    file: "src/headers/page-cookies.ts",
    find: ".filter(({ name }) => !OWN.test(name))",
    replace: ".filter(({ name }) => name !== OWN.source)",
    tests: ["test/headers/page-headers.test.ts", "test/proxy/rendered-pages.integration.test.ts"],
  },
  {
    breaks: "I3: a server-rendered app sets the session cookie of the gateway",
    file: "src/headers/page-cookies.ts",
    find: "|| OWN.test(name)) return undefined;",
    replace: ") return undefined;",
    tests: ["test/headers/page-headers.test.ts"],
  },
  {
    breaks: "I1: the URL of a callback reaches a server-rendered app as Referer",
    file: "src/headers/page-headers.ts",
    find: "if (referer !== undefined && !referer.startsWith(`${publicOrigin}/bff`))",
    replace: "if (referer !== undefined)",
    tests: ["test/headers/page-headers.test.ts"],
  },
  {
    breaks: "I3: a document of a user may be stored by shared caches",
    file: "src/headers/page-headers.ts",
    find: "const isFile = !/^text\\/html|^text\\/x-component|json/i.test(type) && cookies === undefined;",
    replace: "const isFile = cookies === undefined || type === value;",
    tests: ["test/headers/page-headers.test.ts"],
  },
  {
    breaks: "the refresh page is sent again and again to an engine that repeats the navigation as cross-site",
    file: "src/http/page-navigation.ts",
    find: 'action: marker === undefined && isForeign ? "refresh" : "forward"',
    replace: 'action: isForeign ? "refresh" : "forward"',
    tests: ["test/http/page-navigation.test.ts"],
  },
  {
    breaks: "a browser that never sends the session cookie is sent to the login again and again",
    file: "src/http/page-navigation.ts",
    find: 'const mayLogIn = marker === undefined || marker === "refreshed";',
    replace: "const mayLogIn = marker !== null;",
    tests: ["test/http/page-navigation.test.ts"],
  },
  {
    breaks: "the page after a login is rendered without the user in browsers without Fetch Metadata",
    file: "src/http/page-navigation.ts",
    find: 'if (marker === "logged-in") return',
    replace: 'if (marker === "logged-in" && isForeign) return',
    tests: ["test/http/page-navigation.test.ts", "test/proxy/rendered-pages.integration.test.ts"],
  },
];
