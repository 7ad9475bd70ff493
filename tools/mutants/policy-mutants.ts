// Mutants of the policies of the app's pages and of violation reports.
import type { Mutant } from "./mutants.ts";

const ADDITIONS = ["test/config/csp-additions.test.ts"];
const POLICIES = ["test/http/page-policies.test.ts"];
const REPORTS = ["test/http/csp-reports.integration.test.ts"];

export const POLICY_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I7: a dangerous source of CSP_ADDITIONS needs no word in CSP_ALLOW",
    file: "src/config/page-policy-settings.ts",
    find: "const faults = cspAdditionErrors(additions, allowed);",
    replace: "const faults: string[] = [];",
    tests: ADDITIONS,
  },
  {
    breaks: "I7: one word of CSP_ALLOW allows every dangerous source",
    file: "src/config/csp-additions.ts",
    find: ".filter((risk) => !allowed.includes(risk))",
    replace: ".filter(() => allowed.length === 0)",
    tests: ADDITIONS,
  },
  {
    breaks: "I7: 'unsafe-inline' opens scripts without a word",
    file: "src/config/csp-risks.ts",
    find: `  "'unsafe-inline'": "unsafe-inline-scripts",\n`,
    replace: "",
    tests: ADDITIONS,
  },
  {
    breaks: "I7: a host that serves scripts of other people is allowed for scripts",
    file: "src/config/csp-risks.ts",
    find: 'return isSharedHost(source) ? "shared-script-hosts" : undefined;',
    replace: "return undefined;",
    tests: ADDITIONS,
  },
  {
    breaks: "I7: *.com in frame-ancestors is not a wildcard",
    file: "src/config/csp-risks.ts",
    find: " || /^\\*\\.[^.]+\\.?$/.test(source.host)",
    replace: "",
    tests: ADDITIONS,
  },
  {
    breaks: "header injection: a source of CSP_ADDITIONS may contain a comma",
    file: "src/config/csp-sources.ts",
    find: "if (/[,;]/.test(text))",
    replace: "if (/[;]/.test(text))",
    tests: ADDITIONS,
  },
  {
    breaks: "I7: self without quotes is the name of a host",
    file: "src/config/csp-sources.ts",
    find: "if (unquoted !== undefined) return unquoted;",
    replace: "",
    tests: ADDITIONS,
  },
  {
    breaks: "style-src-elem takes 'self' from style elements",
    file: "src/http/content-security-policy.ts",
    find: "inheritedSources(directive, effective);",
    replace: "[];",
    tests: ADDITIONS,
  },
  {
    breaks: "X-Frame-Options rejects the frames that frame-ancestors allows",
    file: "src/http/security-headers.ts",
    find: '...(framing === undefined ? [] : ["X-Frame-Options", framing]),',
    replace: '"X-Frame-Options", "DENY",',
    tests: POLICIES,
  },
  {
    breaks: "CSP_REPORT_ONLY lets any site frame the app",
    file: "src/http/security-headers.ts",
    find: '...["Content-Security-Policy", frameAncestors(pagePolicy.additions)],',
    replace: "",
    tests: POLICIES,
  },
  {
    breaks: "header injection: the URL of the collector may contain a semicolon",
    file: "src/config/page-policy-settings.ts",
    find: '/[;,\\s"\\\\]/.test(value)',
    replace: '/[\\s"\\\\]/.test(value)',
    tests: POLICIES,
  },
  {
    breaks: "I7: REFERRER_POLICY=no-referrer breaks the logout form",
    file: "src/config/page-policy-settings.ts",
    find: '...(["same-origin", "strict-origin", ',
    replace: '...(["same-origin", "no-referrer", "strict-origin", ',
    tests: POLICIES,
  },
  {
    breaks: "I1: a violation report writes the query of a URL to the log",
    file: "src/http/csp-report-parser.ts",
    find: "path: new URL(page).pathname.slice",
    replace: "path: page.slice",
    tests: REPORTS,
  },
  {
    breaks: "I1: a violation report writes the blocked URL to the log",
    file: "src/http/csp-report-parser.ts",
    find: 'const word = host === "" ? protocol.slice(0, -1) : `${protocol}//${host}`;',
    replace: "const word = blocked;",
    tests: REPORTS,
  },
  {
    breaks: "I1: a violation report writes a sample of text to the log",
    file: "src/http/csp-report-parser.ts",
    find: "return /^[A-Za-z][A-Za-z ]{0,63}(?=\\|)/.exec(sample)?.[0];",
    replace: "return sample;",
    tests: REPORTS,
  },
  {
    breaks: "violation reports: other sites can send them",
    file: "src/http/csrf.ts",
    find: '["/bff/csp-reports", "form"],',
    replace: '["/bff/csp-reports", "none"],',
    tests: REPORTS,
  },
  {
    breaks: "violation reports: in production the log advises what a sender wants to be allowed",
    file: "src/http/csp-reports.ts",
    find: "policy.suggestsSettings ? createSuggestions(policy) : () => undefined",
    replace: "createSuggestions(policy)",
    tests: REPORTS,
  },
  {
    breaks: "violation reports: no rate limit",
    file: "src/http/csp-reports.ts",
    find: "if (tokens < 1) return false;",
    replace: "",
    tests: REPORTS,
  },
  {
    breaks: "violation reports: every repetition is logged",
    file: "src/http/csp-reports.ts",
    find: "if (logged.has(kind) || !acquireLine()) return;",
    replace: "if (!acquireLine()) return;",
    tests: REPORTS,
  },
];
