// The setting that would allow what a browser has blocked, for the log of a gateway in development.
import { isCspDirective, type CspDirective } from "../config/csp-directives.ts";
import { risksOf, type CspRisk } from "../config/csp-risks.ts";
import { parseCspSource } from "../config/csp-sources.ts";
import type { PagePolicy } from "../config/page-policy-settings.ts";
import type { Violation } from "./csp-report-parser.ts";

/** At most this many sources in one suggestion. */
const MAX_SOURCES = 50;

/** Directives of elements and attributes: the setting names the one that covers both. */
const GENERAL: Readonly<Record<string, CspDirective>> = {
  "style-src-elem": "style-src",
  "style-src-attr": "style-src",
  "script-src-elem": "script-src",
  "script-src-attr": "script-src",
};

const INLINE = "'unsafe-inline'";
/** 'unsafe-inline' takes their place. */
const NONCE_OR_HASH = /^'(?:nonce|sha\d+)-/i;

const SOURCES: Readonly<Record<string, string>> = {
  inline: INLINE,
  eval: "'unsafe-eval'",
  "wasm-eval": "'wasm-unsafe-eval'",
  self: "'self'",
  data: "data:",
  blob: "blob:",
  filesystem: "filesystem:",
};

/** Texts of settings; the log writes them as the operator configures them. */
type Suggestion = Readonly<Record<string, string>>;

type Policy = Pick<PagePolicy, "additions" | "allowed" | "trustedTypes">;

/**
 * Each suggestion of CSP_ADDITIONS contains the configured additions and all earlier suggestions, so that the newest one is
 * complete.
 * @returns undefined if no setting allows the violation
 */
export function createSuggestions({ additions, allowed, trustedTypes }: Policy) {
  const sources = new Map<string, Set<string>>();
  const risks = new Set<CspRisk>(allowed);
  const names = new Set(trustedTypes);
  for (const { directive, sources: own } of additions) {
    const known = sources.get(directive) ?? new Set<string>();
    for (const { text } of own) known.add(text);
    sources.set(directive, known);
  }

  const allowSource = (directive: CspDirective, text: string): Suggestion | undefined => {
    const parsed = parseCspSource(text, directive);
    const known = sources.get(directive) ?? new Set<string>();
    if ("fault" in parsed || known.size >= MAX_SOURCES) return undefined;
    const others = text === INLINE ? [...known].filter((each) => !NONCE_OR_HASH.test(each)) : known;
    // Browsers would ignore 'unsafe-inline', and the gateway would reject both together.
    if (text === INLINE && known.has("'strict-dynamic'")) return undefined;
    sources.set(directive, new Set([...others, parsed.source.text]));
    for (const risk of risksOf(directive, parsed.source)) risks.add(risk);
    const list = [...sources].map(([name, texts]) => [name, ...texts].join(" ")).join("; ");
    return { CSP_ADDITIONS: list, ...(risks.size === 0 ? {} : { CSP_ALLOW: [...risks].join(" ") }) };
  };
  return function suggest({ directive, blocked, detail }: Violation): Suggestion | undefined {
    if (directive === "require-trusted-types-for") return { TRUSTED_TYPES: "off" };
    if (directive === "trusted-types") {
      if (detail === undefined || names.size >= MAX_SOURCES) return undefined;
      return { TRUSTED_TYPES: [...names.add(detail)].join(" ") };
    }
    const general = GENERAL[directive] ?? directive;
    if (!isCspDirective(general)) return undefined;
    const isWorker = general === "worker-src" && blocked === "inline";
    return isWorker ? undefined : allowSource(general, SOURCES[blocked] ?? blocked);
  };
}
