// Maps `Link` response headers (RFC 8288) to public URLs; links to internal hosts are removed.
import { mapUrlsIn, type RequestContext, type MapUrl } from "./upstream-urls.ts";

/** `<target>` and its parameters. Sticky matches keep parsing linear in the length. */
const TARGET = /[\s,]*<([^<>]*)>/y;
const PARAMETER = /\s*;\s*([^\s=;,"]*)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?/y;
/** Relations whose target browsers fetch automatically. */
const FETCHED =
  /\b(preload|modulepreload|prefetch|preconnect|dns-prefetch|prerender|stylesheet|manifest|icon|compression-dictionary)\b/i;

/** `mayFetchForeign`: links that browsers fetch automatically may name other hosts. */
type LinkContext = RequestContext & { mayFetchForeign?: boolean };

/**
 * Removes links to internal hosts and links that make the browser contact a foreign host automatically (ASVS 3.7.2), and
 * everything after a syntax error.
 * @returns undefined if no link is left
 */
export function browserLinks(value: string, context: LinkContext, mapUrl: MapUrl): string | undefined {
  const links: string[] = [];
  let at = 0;
  for (;;) {
    TARGET.lastIndex = at;
    const target = TARGET.exec(value)?.[1];
    if (target === undefined) break;
    at = TARGET.lastIndex;
    const parameters: Parameter[] = [];
    for (;;) {
      PARAMETER.lastIndex = at;
      const found = PARAMETER.exec(value);
      if (found === null) break;
      at = PARAMETER.lastIndex;
      parameters.push({ name: (found[1] ?? "").toLowerCase(), text: found[0], value: found[2] ?? "" });
    }
    const link = browserLink(target, parameters, context, mapUrl);
    if (link !== undefined) links.push(link);
    if (!/^\s*(,|$)/.test(value.slice(at, at + 100))) break;
  }
  return links.length === 0 ? undefined : links.join(", ");
}

type Parameter = { name: string; text: string; value: string };

function browserLink(
  target: string,
  parameters: Parameter[],
  context: LinkContext,
  mapUrl: MapUrl,
): string | undefined {
  const rels = parameters.filter(({ name }) => name === "rel" || name === "rev").map(({ value }) => value);
  const mayBeForeign = context.mayFetchForeign === true || !FETCHED.test(rels.join(" ").replaceAll("\\", ""));
  const mapped = browserReference(target, context, mapUrl, mayBeForeign);
  if (mapped === undefined) return undefined;
  let link = `<${mapped}>`;
  for (const { name, text, value } of parameters) {
    if (name !== "anchor") {
      // Extension relation types are URLs: rel="http://orders:8000/rels/items".
      const parameter = mapUrlsIn(text, context, mapUrl);
      if (parameter === undefined) return undefined;
      link += parameter;
      continue;
    }
    const anchor = browserReference(value.replace(/^"|"$/g, ""), context, mapUrl, true);
    if (anchor === undefined) return undefined;
    link += `; anchor="${anchor}"`;
  }
  return link;
}

function browserReference(
  text: string,
  context: RequestContext,
  mapUrl: MapUrl,
  mayBeForeign: boolean,
): string | undefined {
  if (resolvesAlike(text, context)) return text;
  const mapped = mapUrl(text, context);
  if (mapped.kind === "ours") return mapped.url;
  return mapped.kind === "foreign" && mayBeForeign && ALLOWED_SCHEMES.has(mapped.protocol) ? text : undefined;
}

const ALLOWED_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "urn:", "tag:", "mailto:"]);

/** Whether a relative reference resolves to the same resource from the browser's URL as from the upstream's. */
function resolvesAlike(text: string, { upstream, upstreamTarget }: RequestContext): boolean {
  if (/^([?#]|$)/.test(text)) return true;
  // At the root the browser's URL may lack the final slash of the upstream's URL.
  const isRoot = /^\/?(\?|$)/.test(upstreamTarget.slice(upstream.basePath.length));
  return !isRoot && /^\w[^:/?#]*([?#]|$)/.test(text);
}
