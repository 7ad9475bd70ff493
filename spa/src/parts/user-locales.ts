// The locales for dates and numbers.

/**
 * The user's languages, without what is no language tag: WebKitGTK reports "C" in the locale C.UTF-8, and every `Intl`
 * constructor throws on it. An empty list means the browser's default.
 */
export function userLocales(languages: readonly string[]): string[] {
  return languages.filter((language) => {
    try {
      return Intl.getCanonicalLocales(language).length > 0;
    } catch {
      return false;
    }
  });
}
