// Reads violation reports of browsers: `application/csp-report` (CSP Level 2 §4.4) and `application/reports+json` (Reporting
// API). Reports are untrusted input, since any HTTP client can send one: only short, known parts are kept.
import { CSP_DIRECTIVES } from "../config/csp-directives.ts";

export const CSP_REPORTS_PATH = "/bff/csp-reports";
export const LEGACY_REPORT = "application/csp-report";
export const REPORTING_API = "application/reports+json";

export type Violation = {
  directive: string;
  /**
   * `inline`, `eval`, `data` and other words of CSP3 §2.4, `self`, or an origin. Never a path or query of another origin,
   * which may contain secrets.
   */
  blocked: string;
  /** Trusted Types: the sink, such as `Element innerHTML`, or the name of the rejected policy. */
  detail: string | undefined;
  /** Path of the page, without its query. */
  path: string;
  isEnforced: boolean;
};

/** Directives that may occur in a report. */
const REPORTED_DIRECTIVES: ReadonlySet<string> = new Set([
  ...CSP_DIRECTIVES,
  "require-trusted-types-for",
  "trusted-types",
]);

/** Words that stand for a URL in a report. Schemes without an authority are words too. */
const BLOCKED_WORDS: ReadonlySet<string> = new Set([
  ...["inline", "eval", "wasm-eval", "trusted-types-policy", "trusted-types-sink"],
  ...["data", "blob", "filesystem", "about", "self"],
]);

const EXTENSION = /^(chrome|moz|safari|safari-web|ms-browser)-extension\b|^webkit-masked-url\b|^resource:|^chrome:/i;
const MAX_REPORTS = 100;
const MAX_PATH_CHARS = 256;
/** Scheme, host name (at most 253 characters) and port. The URL parser accepts any length. */
const MAX_ORIGIN_CHARS = 300;

/**
 * @param publicOrigin reports about documents of other origins are ignored, and so are those about browser extensions
 * @returns undefined if the body is not a report
 */
export function parseReports(type: string, body: string, publicOrigin: string): Violation[] | undefined {
  const json = parseJson(body);
  if (type === LEGACY_REPORT) {
    const report = member(json, "csp-report");
    return isObject(report) ? violationsOf([report], legacyFields, publicOrigin) : undefined;
  }
  if (!Array.isArray(json)) return undefined;
  const bodies = json
    .slice(0, MAX_REPORTS)
    .filter((report) => member(report, "type") === "csp-violation")
    .map((report) => member(report, "body"));
  return violationsOf(bodies, reportingFields, publicOrigin);
}

type Fields = { directive: string; blocked: string; page: string; file: string; sample: string; disposition: string };

function violationsOf(bodies: unknown[], fieldsOf: (body: unknown) => Fields, publicOrigin: string): Violation[] {
  return bodies.map((body) => toViolation(fieldsOf(body), publicOrigin)).filter((found) => found !== undefined);
}

/** Firefox and Safari name the effective directive, or the whole text of the violated one. */
function legacyFields(report: unknown): Fields {
  const effective = textOf(report, "effective-directive");
  return {
    directive: effective === "" ? textOf(report, "violated-directive") : effective,
    blocked: textOf(report, "blocked-uri"),
    page: textOf(report, "document-uri"),
    file: textOf(report, "source-file"),
    sample: textOf(report, "script-sample"),
    disposition: textOf(report, "disposition"),
  };
}

function reportingFields(body: unknown): Fields {
  return {
    directive: textOf(body, "effectiveDirective"),
    blocked: textOf(body, "blockedURL"),
    page: textOf(body, "documentURL"),
    file: textOf(body, "sourceFile"),
    sample: textOf(body, "sample"),
    disposition: textOf(body, "disposition"),
  };
}

function toViolation(fields: Fields, publicOrigin: string): Violation | undefined {
  const { blocked, page, file, sample, disposition } = fields;
  const directive = fields.directive.split(" ")[0]?.toLowerCase() ?? "";
  if (!REPORTED_DIRECTIVES.has(directive)) return undefined;
  if (!URL.canParse(page) || new URL(page).origin !== publicOrigin) return undefined;
  if (EXTENSION.test(file) || EXTENSION.test(blocked)) return undefined;
  return {
    directive,
    blocked: blockedWord(blocked, publicOrigin),
    detail: trustedTypesDetail(directive, sample),
    path: new URL(page).pathname.slice(0, MAX_PATH_CHARS),
    isEnforced: disposition !== "report",
  };
}

function blockedWord(blocked: string, publicOrigin: string): string {
  const name = blocked.toLowerCase().replace(/:$/, "");
  // Safari and older browsers leave it empty for inline code.
  if (name === "") return "inline";
  if (BLOCKED_WORDS.has(name)) return name;
  if (!URL.canParse(blocked)) return "unknown";
  const { protocol, host, origin } = new URL(blocked);
  if (origin === publicOrigin) return "self";
  // Data in the URL itself.
  const word = host === "" ? protocol.slice(0, -1) : `${protocol}//${host}`;
  return word.length > MAX_ORIGIN_CHARS ? "unknown" : word;
}

/** The sample continues with the text that was rejected, which may be the user's. */
function trustedTypesDetail(directive: string, sample: string): string | undefined {
  if (directive === "trusted-types") return /^[\w\-#=/@.%]{1,64}/.exec(sample)?.[0];
  if (directive === "require-trusted-types-for") return /^[A-Za-z][A-Za-z ]{0,63}(?=\|)/.exec(sample)?.[0];
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function member(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function textOf(value: unknown, name: string): string {
  const text = member(value, name);
  return typeof text === "string" ? text : "";
}
