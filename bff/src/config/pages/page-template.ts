// Templates of the gateway's pages in the syntax of mustache (logic-less): which kinds there are, their placeholders, and the
// rules of custom templates.
import { createHash } from "node:crypto";
import mustache from "mustache";
import { nearestName } from "../nearest-name.ts";

/**
 * Kinds of pages with their placeholders: `required` ones, and those that a template may omit. Members of a list are
 * written with a dot here, and stand inside the section of the list.
 */
const PLACEHOLDERS = {
  error: {
    required: ["lang", "dir", "title", "sentence", "links", "links.href", "links.text", "requestId"],
    optional: ["helpBefore", "helpAfter", "code", "status"],
  },
  continue: { required: ["lang", "dir", "title", "sentence", "url", "linkText"], optional: [] },
  confirm: {
    required: [
      ...["lang", "dir", "title", "sentenceBefore", "userName", "sentenceAfter", "keepHref", "keepText", "action"],
      ...["fields", "fields.name", "fields.value", "submitText"],
    ],
    optional: [],
  },
} as const;

export type PageKind = keyof typeof PLACEHOLDERS;
export const PAGE_KINDS = Object.keys(PLACEHOLDERS) as readonly PageKind[];

const MAX_CHARS = 256 * 1024;

/** `{{{name}}}` has the type `&`. */
type Token = ReturnType<typeof mustache.parse>[number];

/** @returns the errors of a custom template, each as the end of a sentence */
export function templateFaults(kind: PageKind, text: string): string[] {
  if (text.length > MAX_CHARS) return ["is larger than 256 kB. Shorten it; images can be files of the app"];
  let tokens: readonly Token[];
  try {
    tokens = mustache.parse(text) as readonly Token[];
  } catch (error) {
    return [`is not a mustache template: ${(error as Error).message}`];
  }
  const found = new Set<string>();
  const faults = tokenFaults(tokens, "", { kind, found });
  const { required } = PLACEHOLDERS[kind];
  const missing = required.filter((name) => !found.has(name));
  if (missing.length > 0)
    faults.push(`lacks ${missing.map(written).join(", ")}. Add ${missing.length === 1 ? "it" : "them"}`);
  if (/<script\b/i.test(text)) faults.push("has a script, which the page's policy blocks. Remove it");
  if (/<[^>]+\sstyle\s*=/i.test(text))
    faults.push("has a style attribute, which the page's policy blocks. Write the rule into <style>");
  if (hasUnquotedValue(text))
    faults.push("has a placeholder in a tag outside quotes, where a value could add attributes. Put it in quotes");
  if (stylesOf(text).some((style) => style.includes("{{")))
    faults.push("has a placeholder in <style>, whose content must be the same for every request. Remove it");
  return faults;
}

/** Escaped values may contain blanks, which end an attribute without quotes (XSS). Sections may stand anywhere. */
function hasUnquotedValue(html: string): boolean {
  const tags = html.match(/<[a-z](?:"[^"]*"|'[^']*'|[^"'<>])*>/gi) ?? [];
  return tags.some((tag) => /\{\{\s*[^\s#^/!]/.test(tag.replace(/"[^"]*"|'[^']*'/g, "")));
}

type Found = { kind: PageKind; found: Set<string> };

function tokenFaults(tokens: readonly Token[], section: string, context: Found): string[] {
  const { required, optional } = PLACEHOLDERS[context.kind];
  const known: readonly string[] = [...required, ...optional];
  return tokens.flatMap(([type, name, , , children]) => {
    if (type === "text" || type === "!") return [];
    if (type === "&" || type === ">" || type === "=")
      return [`has "${name}" unescaped, as a partial or with other delimiters. Write {{${name}}}`];
    const full = known.includes(section + name) ? section + name : name;
    if (!known.includes(full)) {
      const names = known.map((each) => each.split(".").at(-1) ?? "");
      return [`has an unknown placeholder {{${name}}}. Did you mean {{${nearestName(name, names).name}}}?`];
    }
    context.found.add(full);
    return Array.isArray(children) ? tokenFaults(children as Token[], `${full}.`, context) : [];
  });
}

function written(name: string): string {
  const [list, member] = name.split(".");
  return member === undefined ? `{{${name}}}` : `{{${member}}} in {{#${list}}}`;
}

function stylesOf(html: string): string[] {
  return [...html.matchAll(/<style\b[^>]*>([\s\S]*?)<\/style>/gi)].map(([, style = ""]) => style);
}

/** Line ends as the HTML parser sees them: the hashes of the policy are computed over these. */
export function normalizeLines(html: string): string {
  return html.replaceAll(/\r\n?/g, "\n");
}

/** @returns sources of `style-src`: hashes of the template's style elements */
export function styleHashes(html: string): string[] {
  return stylesOf(html).map((style) => `'sha256-${createHash("sha256").update(style).digest("base64")}'`);
}
