// Language of a page: `Accept-Language` (RFC 9110 §12.5.4) matched by lookup (RFC 4647 §3.4).

/** Whose languages a page follows. */
export type PageLanguages = {
  acceptLanguage: string | undefined;
  /** `ui_locales` of the login: the app's choice goes before the browser's. */
  uiLocales?: readonly string[] | undefined;
};

/** Headers are at most 16 kB; browsers send about five ranges. */
const MAX_RANGES = 32;
/** More than any available tag has. Each subtag costs a lookup that joins the ones before it. */
const MAX_SUBTAGS = 8;
const RANGE = /^(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i;

/** @returns the language ranges in lower case, most preferred first, and those with q=0 */
function parseAcceptLanguage(header: string): { accepted: string[]; rejected: string[] } {
  const ranges = header
    .split(",", MAX_RANGES)
    .map((part) => RANGE.exec(part.trim()))
    .filter((match) => match !== null)
    .map(([, range = "", q = "1"]) => ({ range: range.toLowerCase(), q: Number(q) }));
  // Stable: ranges of equal weight keep their order.
  const accepted = ranges.filter(({ q }) => q > 0).toSorted((one, other) => other.q - one.q);
  return {
    accepted: accepted.map(({ range }) => range),
    rejected: ranges.filter(({ q }) => q === 0).map(({ range }) => range),
  };
}

type Preferences = {
  acceptLanguage: string | undefined;
  /** Ranges that go first: `ui_locales` of a login. */
  first?: readonly string[] | undefined;
};

/**
 * @param available language tags in lower case; the first one is the default
 * @returns the first available language of the ranges, each shortened from its end until one is available
 */
export function chooseLanguage(available: readonly string[], { acceptLanguage = "", first = [] }: Preferences): string {
  const { accepted, rejected } = parseAcceptLanguage(acceptLanguage);
  for (const range of [...first.map((each) => each.toLowerCase()), ...accepted]) {
    // The wildcard matches the default, unless that is rejected.
    const found = range === "*" ? available.find((each) => !rejected.includes(each)) : lookUp(range, available);
    if (found !== undefined && !rejected.includes(found)) return found;
  }
  return available[0] ?? "";
}

function lookUp(range: string, available: readonly string[]): string | undefined {
  let subtags = range.split("-", MAX_SUBTAGS);
  while (subtags.length > 0) {
    const tag = subtags.join("-");
    if (available.includes(tag)) return tag;
    subtags = subtags.slice(0, -1);
    // A singleton introduces an extension and cannot stand at the end.
    while (subtags.length > 1 && subtags.at(-1)?.length === 1) subtags = subtags.slice(0, -1);
  }
  return undefined;
}

type TextInfo = { direction?: "ltr" | "rtl" };

export function directionOf(language: string): "ltr" | "rtl" {
  const locale = new Intl.Locale(language) as Intl.Locale & { textInfo?: TextInfo; getTextInfo?: () => TextInfo };
  return (locale.getTextInfo?.() ?? locale.textInfo)?.direction ?? "ltr";
}
