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
];
