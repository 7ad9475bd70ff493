// `Link` of an upstream (RFC 8288): every target as the browser can use it, and no host behind the gateway.
import { mapUrlsIn, type Asked, type MapUrl } from "./upstream-urls.ts";

/** `<target>` and its parameters; both are read with a sticky match, so that the work grows with the length only. */
const TARGET = /[\s,]*<([^<>]*)>/y;
const PARAMETER = /\s*;\s*([^\s=;,"]*)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?/y;
/** Relations for which browsers contact the target without being asked. */
const FETCHED =
  /\b(preload|modulepreload|prefetch|preconnect|dns-prefetch|prerender|stylesheet|manifest|icon|compression-dictionary)\b/i;

/**
 * @returns the links that a browser may have; undefined where none is left. A link to a host behind the gateway is left
 * out, and so is one that would make the browser contact a foreign host by itself (ASVS 3.7.2). What follows a syntax
 * error is left out as well: what it means cannot be told.
 */
export function browserLinks(value: string, asked: Asked, mapUrl: MapUrl): string | undefined {
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
    const link = browserLink(target, parameters, asked, mapUrl);
    if (link !== undefined) links.push(link);
    if (!/^\s*(,|$)/.test(value.slice(at, at + 100))) break;
  }
  return links.length === 0 ? undefined : links.join(", ");
}

type Parameter = { name: string; text: string; value: string };

function browserLink(target: string, parameters: Parameter[], asked: Asked, mapUrl: MapUrl): string | undefined {
  const rels = parameters.filter(({ name }) => name === "rel" || name === "rev").map(({ value }) => value);
  const mapped = browserReference(target, asked, mapUrl, !FETCHED.test(rels.join(" ").replaceAll("\\", "")));
  if (mapped === undefined) return undefined;
  let link = `<${mapped}>`;
  for (const { name, text, value } of parameters) {
    if (name !== "anchor") {
      // A relation type of its own is a URL as well: rel="http://orders:8000/rels/items".
      const parameter = mapUrlsIn(text, asked, mapUrl);
      if (parameter === undefined) return undefined;
      link += parameter;
      continue;
    }
    const anchor = browserReference(value.replace(/^"|"$/g, ""), asked, mapUrl, true);
    if (anchor === undefined) return undefined;
    link += `; anchor="${anchor}"`;
  }
  return link;
}

function browserReference(text: string, asked: Asked, mapUrl: MapUrl, mayBeForeign: boolean): string | undefined {
  if (meansTheSame(text, asked)) return text;
  const mapped = mapUrl(text, asked);
  if (mapped.kind === "ours") return mapped.url;
  return mapped.kind === "foreign" && mayBeForeign && HARMLESS.has(mapped.protocol) ? text : undefined;
}

const HARMLESS: ReadonlySet<string> = new Set(["http:", "https:", "urn:", "tag:", "mailto:"]);

/** Whether a relative reference leads the browser, from its own URL, to where the upstream meant. */
function meansTheSame(text: string, { upstream, upstreamTarget }: Asked): boolean {
  if (/^([?#]|$)/.test(text)) return true;
  // The root is the one place where the browser's URL may lack the final slash that the upstream's has.
  const isRoot = /^\/?(\?|$)/.test(upstreamTarget.slice(upstream.basePath.length));
  return !isRoot && /^\w[^:/?#]*([?#]|$)/.test(text);
}
