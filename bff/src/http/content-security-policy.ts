// The Content-Security-Policy of the app's pages (CSP Level 3): the default policy with the additions of the configuration.
import { CSP_DIRECTIVES, FALLBACKS, UPGRADE, type CspDirective } from "../config/csp-directives.ts";
import type { PagePolicy } from "../config/page-policy-settings.ts";

/**
 * Chromium applies `form-action` to the redirects after a form post too, and a provider may redirect to further origins: no
 * form of the gateway is redirected to another origin (auth/logout.ts).
 */
const DEFAULT_SOURCES: Partial<Record<CspDirective, readonly string[]>> = {
  "default-src": [],
  "script-src": ["'self'"],
  "style-src": ["'self'"],
  "img-src": ["'self'"],
  "font-src": ["'self'"],
  "connect-src": ["'self'"],
  "media-src": ["'self'"],
  // Not by the fallback to script-src: a host that is opened for scripts is not opened for workers.
  "worker-src": ["'self'"],
  "manifest-src": ["'self'"],
  "base-uri": [],
  "form-action": ["'self'"],
  "frame-ancestors": [],
};

type Sources = ReadonlyMap<CspDirective, readonly string[]>;
type Additions = PagePolicy["additions"];

/**
 * A directive that the default policy does not have replaces the one that it falls back to: `style-src-elem` would take
 * `'self'` from style elements. It therefore begins with the sources of that one.
 */
function effectiveSources(additions: Additions): Sources {
  const effective = new Map<CspDirective, readonly string[]>();
  // Directives precede those that fall back to them, except child-src and its own.
  for (const directive of CSP_DIRECTIVES) {
    const added = additions.flatMap(({ directive: name, sources }) => (name === directive ? sources : []));
    if (added.length === 0 && DEFAULT_SOURCES[directive] === undefined) continue;
    const inherited = DEFAULT_SOURCES[directive] ?? inheritedSources(directive, effective);
    effective.set(directive, [...new Set([...inherited, ...added.map(({ text }) => text)])]);
  }
  return effective;
}

function inheritedSources(directive: CspDirective, effective: Sources): readonly string[] {
  const nearest = FALLBACKS[directive].find((name) => effective.has(name));
  return (nearest && effective.get(nearest)) ?? [];
}

/** @returns the policy without the directives that say where reports go */
export function contentSecurityPolicy({
  additions,
  trustedTypes,
}: Pick<PagePolicy, "additions" | "trustedTypes">): string {
  const directives = [...effectiveSources(additions)].map(([name, sources]) => `${name} ${written(sources)}`);
  if (additions.some(({ directive }) => directive === UPGRADE)) directives.push(UPGRADE);
  if (trustedTypes !== undefined)
    directives.push("require-trusted-types-for 'script'", `trusted-types ${written(trustedTypes)}`);
  return directives.join("; ");
}

function written(sources: readonly string[]): string {
  return sources.length === 0 ? "'none'" : sources.join(" ");
}

/** @returns the value of X-Frame-Options, which has none for a list of hosts: browsers then use `frame-ancestors` alone */
export function frameOptions(additions: Additions): "DENY" | "SAMEORIGIN" | undefined {
  const ancestors = effectiveSources(additions).get("frame-ancestors") ?? [];
  if (ancestors.length === 0) return "DENY";
  return ancestors.every((source) => source === "'self'") ? "SAMEORIGIN" : undefined;
}

export function frameAncestors(additions: Additions): string {
  return `frame-ancestors ${written(effectiveSources(additions).get("frame-ancestors") ?? [])}`;
}
