// The directives of a Content-Security-Policy that an application can open (CSP Level 3 §6), and the source expressions
// that each of them knows.

/** Directive names, each with the directives that govern its requests while it is absent, nearest first (CSP3 §6.8.3). */
export const FALLBACKS = {
  "default-src": [],
  "script-src": ["default-src"],
  "script-src-elem": ["script-src", "default-src"],
  "script-src-attr": ["script-src", "default-src"],
  "style-src": ["default-src"],
  "style-src-elem": ["style-src", "default-src"],
  "style-src-attr": ["style-src", "default-src"],
  "img-src": ["default-src"],
  "font-src": ["default-src"],
  "connect-src": ["default-src"],
  "media-src": ["default-src"],
  "object-src": ["default-src"],
  "child-src": ["default-src"],
  "frame-src": ["child-src", "default-src"],
  "fenced-frame-src": ["frame-src", "child-src", "default-src"],
  "worker-src": ["child-src", "script-src", "default-src"],
  "manifest-src": ["default-src"],
  "base-uri": [],
  "form-action": [],
  "frame-ancestors": [],
} as const satisfies Record<string, readonly string[]>;

export type CspDirective = keyof typeof FALLBACKS;

export const CSP_DIRECTIVES = Object.keys(FALLBACKS) as CspDirective[];

export function isCspDirective(name: string): name is CspDirective {
  return Object.hasOwn(FALLBACKS, name);
}

/** Directives that other settings write, or that the gateway does not offer, with the cure. */
export const OTHER_DIRECTIVES: Readonly<Record<string, string>> = {
  "report-uri": "is set by CSP_REPORTS",
  "report-to": "is set by CSP_REPORTS",
  "require-trusted-types-for": "is set by TRUSTED_TYPES",
  "trusted-types": "is set by TRUSTED_TYPES",
  sandbox: "would take the session cookie from the pages. Remove it",
  "prefetch-src": "is no longer part of CSP. Remove it: browsers use default-src",
  "navigate-to": "is no longer part of CSP. Remove it",
  "plugin-types": "is no longer part of CSP. Remove it: use object-src",
  "block-all-mixed-content": "is no longer part of CSP. Remove it: browsers block mixed content by themselves",
  referrer: "is no longer part of CSP. Use REFERRER_POLICY",
};

/** A directive without sources. */
export const UPGRADE = "upgrade-insecure-requests";

const SCRIPT = ["default-src", "script-src", "script-src-elem", "script-src-attr"] as const;
const STYLE = ["default-src", "style-src", "style-src-elem", "style-src-attr"] as const;
const EVAL = ["default-src", "script-src"] as const;
const INLINE: readonly CspDirective[] = [...SCRIPT, ...STYLE];

/** Keywords, each with the directives in which it has an effect (CSP3 §2.3.1). `'self'` has one in all of them. */
export const KEYWORDS: Readonly<Record<string, readonly CspDirective[]>> = {
  "'self'": CSP_DIRECTIVES,
  "'unsafe-inline'": INLINE,
  "'unsafe-eval'": EVAL,
  "'wasm-unsafe-eval'": EVAL,
  "'trusted-types-eval'": EVAL,
  "'unsafe-hashes'": INLINE.filter((name) => !name.endsWith("-elem")),
  "'strict-dynamic'": ["default-src", "script-src", "script-src-elem"],
  "'inline-speculation-rules'": ["default-src", "script-src", "script-src-elem"],
  "'report-sample'": INLINE,
};

export const NONCE_DIRECTIVES: readonly CspDirective[] = INLINE.filter((name) => !name.endsWith("-attr"));
export const HASH_DIRECTIVES: readonly CspDirective[] = INLINE;

/** Directives about attributes: a host has no effect there. */
export function isAboutAttributes(directive: CspDirective): boolean {
  return directive.endsWith("-attr");
}

/** Directives whose sources can run code with the rights of the page. */
export const SCRIPT_LIKE: ReadonlySet<CspDirective> = new Set([...SCRIPT, "worker-src", "object-src"]);
/** Directives in which inline code would be script. */
export const INLINE_SCRIPT: ReadonlySet<CspDirective> = new Set(SCRIPT);
